// Draws the charts of the page when they come into view, in the colours that the page has then.
"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  // A finger that drags scrolls the page; it would be caught by the first chart otherwise.
  const touched = window.matchMedia("(pointer: coarse)").matches;
  const places = [...document.querySelectorAll(".chart")];
  const seen = new Set();

  const palette = () => {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue(`--${name}`).trim();
  };

  const faded = (colour, share) => {
    const part = (from) => parseInt(colour.slice(from, from + 2), 16);
    return `rgba(${part(1)}, ${part(3)}, ${part(5)}, ${share})`;
  };

  const painters = {
    line: (trace, colour) => {
      trace.line.color = colour;
      trace.marker.color = colour;
    },
    launches: (trace, colour) => {
      trace.marker.color = faded(colour, 0.45);
    },
    band: (trace, colour) => {
      trace.line.color = faded(colour, 0.5);
      trace.fillcolor = faded(colour, 0.2);
    },
    level: (trace, _, of) => {
      trace.line.color = of("level");
    },
    matrix: (trace, _, of) => {
      trace.colorscale = [[0, of("low")], [0.5, of("middle")], [1, of("high")]];
    },
  };

  const painted = (figure) => {
    const of = palette();
    for (const trace of figure.data) {
      painters[trace.meta.role](trace, of(`colour-${(trace.meta.colour || 0) % 8}`), of);
    }
    const axis = { gridcolor: of("grid"), linecolor: of("line"), zeroline: false, automargin: true };
    Object.assign(figure.layout, {
      paper_bgcolor: of("page"),
      plot_bgcolor: of("page"),
      font: { color: of("text"), size: 12, family: "system-ui, sans-serif" },
      hoverlabel: { bgcolor: of("stripe"), bordercolor: of("line"), font: { color: of("text") }, align: "left" },
      hovermode: "closest",
      dragmode: touched ? false : "zoom",
      margin: { l: 56, r: 12, t: 12, b: 44 },
      legend: { orientation: "h", y: -0.2, yanchor: "top", font: { size: 11 } },
    });
    Object.assign(figure.layout.xaxis, axis);
    Object.assign(figure.layout.yaxis, axis);
    return figure;
  };

  const height = (figure) => {
    const named = figure.data.filter((trace) => trace.showlegend !== false && trace.name).length;
    return figure.layout.showlegend ? 330 + 20 * Math.ceil(named / 2) : 520;
  };

  const draw = (place) => {
    const figure = painted(JSON.parse(place.nextElementSibling.textContent));
    figure.layout.height = height(figure);
    if (!seen.has(place)) place.replaceChildren();
    seen.add(place);
    Plotly.react(place, figure.data, figure.layout, { displaylogo: false, responsive: true, displayModeBar: false });
  };

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        watcher.unobserve(entry.target);
        draw(entry.target);
      }
    }
  }, { rootMargin: "600px" });

  for (const place of places) watcher.observe(place);
  dark.addEventListener("change", () => seen.forEach(draw));
  window.addEventListener("beforeprint", () => {
    document.documentElement.dataset.printing = "";
    places.forEach(draw);
  });
  window.addEventListener("afterprint", () => {
    delete document.documentElement.dataset.printing;
    seen.forEach(draw);
  });
})();
