"""The page of a comparison with a peer."""

from fabricbench.judge.beside import Answer, Figures, Report, Row
from fabricbench.show import besides, screen
from fabricbench.statistics import Interval


def test_the_page_fits_and_says_what_is_missing() -> None:
    figures = Figures(operation="x", program="osu_x", ours_s={}, theirs_s={}, step_s={})
    rows = tuple(
        Row(
            operation=name, program="osu_x", sizes=19, best=1.0123, worst=1.5, worst_size=size, spread=spread,
            spread_sizes=12, figures=figures,
        )
        for name, size, spread in (("reduce_scatter_block", 1 << 20, Interval(0.41, 0.2, 10.5)), ("barrier", 0, None))
    )  # fmt: skip
    report = Report(
        peer="OSU", fabricbench="0123456789ab", machine="a CPU, 2 cores", started="2026-11-25T12:00:00Z",
        library="Open MPI 5", ranks=2, launches=10, spent_s=(60.0, 30.0), rows=rows, left_out=("osu_a: b",),
        answer=Answer(bare_s=0.9, first_s=1.8, measuring_s=2.6),
    )  # fmt: skip
    text = screen.page_text(besides.page(report))
    assert max(map(len, text.splitlines())) <= screen.WIDTH
    cells = [line.split() for line in text.splitlines() if line.startswith(("reduce_scatter_block", "barrier"))]
    assert cells[0] == ["reduce_scatter_block", "19", "1.012", "1.500", "1MiB", "0.41", "0.20-10.50", "12"]
    assert cells[1][4:7] == ["N/A", "N/A", "N/A"]
    assert "1.80 s to the first sample" in text
    assert "left out: osu_a: b" in text
