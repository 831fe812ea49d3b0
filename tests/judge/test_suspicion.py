"""Suspects measured again, and the sentences, from rounds whose truth is known."""

from collections.abc import Mapping, Sequence

import pytest

from fabricbench.judge import suspicion
from fabricbench.judge.localise import Localised, Suspect, bandwidths, localise, rounds
from fabricbench.judge.suspicion import Diagnosis, Found, Ordered
from fabricbench.model import Round
from fabricbench.show import diagnoses, screen

RATE, NBYTES = 1e8, 1 << 20
NAMES = ("a", "b", "c", "d", "e")


def line(pair: Ordered, share: float, number: int = 0, check: str = "ok") -> Round:
    """Pair one way at a share of the usual rate, three times with a little noise."""
    times = [NBYTES / (RATE * share * noise) for noise in (0.998, 1.0, 1.003)]
    return Round(
        launch=0, round=number, direction="forward", pairs=[pair], nbytes=NBYTES, samples_s=[times],
        check=check,  # type: ignore[arg-type]
    )  # fmt: skip


def everything(shares: Mapping[Ordered, float]) -> list[Round]:
    pairs = [pair for turn in rounds(len(NAMES)) for one, two in turn for pair in ((one, two), (two, one))]
    return [line(pair, shares.get(pair, 1.0), number) for number, pair in enumerate(pairs)]


def diagnosis(shares: Mapping[Ordered, float], then: Mapping[Ordered, float], **more: object) -> Diagnosis:
    """What is found where pairs have these shares at first, and those when they are measured again."""
    lines = everything(shares)
    localised = localise(bandwidths(lines), len(NAMES))
    found = []
    for one in localised.suspects:
        pairs = suspicion.again(one, range(len(NAMES)), localised.suspects)
        again = [line(pair, then.get(pair, 1.0)) for pair in pairs]
        found.append(suspicion.confirmed(one, again, RATE))
    fields: dict[str, object] = {
        "names": NAMES, "library": "Some MPI", "nbytes": NBYTES, "file": "x.jsonl", "rates": suspicion.medians(lines),
        "localised": localised, "found": tuple(found), "together": 1.0, "duplex": 1.0, "unknown": (), "wrong": (),
    }  # fmt: skip
    return Diagnosis(**{**fields, **more})  # type: ignore[arg-type]


C_SENDS = {(2, other): 0.5 for other in (0, 1, 3, 4)}
C_RECEIVES = {(other, 2): 0.5 for other in (0, 1, 3, 4)}


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (C_SENDS, "c sends at 0.50 of its peers (receives normally), slow again in 3 of 3: look at its NIC's transmit"),
        (C_RECEIVES, "c receives at 0.50 of its peers (sends normally), slow again in 3 of 3: look at its NIC's rec"),
        (C_SENDS | C_RECEIVES, "c sends and receives at 0.50 of its peers, slow again in"),
        ({(1, 3): 0.5}, "b -> d has 0.50 of its peers, slow again in 3 of 3: look at the path and cable"),
    ],
)
def test_a_suspect_that_is_slow_again_is_named_with_where_to_look(shares: Mapping[Ordered, float], said: str) -> None:
    found = diagnosis(shares, shares)
    assert found.verdict == "slow"
    (sentence,) = suspicion.sentences(found)
    assert sentence.startswith(said)


def test_what_was_slow_only_once_is_not_confirmed() -> None:
    found = diagnosis(C_SENDS, {})
    assert (found.verdict, found.found[0].slow, found.found[0].again) == ("clean", 0, 3)
    assert any("Not confirmed" in sentence for sentence in suspicion.sentences(found))
    partly = diagnosis(C_SENDS, {(2, 4): 0.5})
    assert not partly.found[0].confirmed


def test_nothing_slow_is_clean_and_says_what_would_have_been_seen() -> None:
    found = diagnosis({}, {})
    assert found.verdict == "clean"
    assert suspicion.sentences(found)[0].startswith("clean: a host below 0.9")


def test_pairs_that_share_something_blame_nobody() -> None:
    assert suspicion.ratio([line((0, 1), 0.5), line((2, 3), 0.5)], [line((0, 1), 1.0), line((2, 3), 1.0)]) == 0.5
    assert suspicion.ratio([line((0, 1), 0.5)], [line((2, 3), 1.0)]) is None
    found = diagnosis({}, {}, together=0.5)
    assert found.verdict == "clean"
    assert "no host's fault" in suspicion.sentences(found)[-1]


def test_a_suspect_is_measured_with_others_that_are_not() -> None:
    one, other = Suspect(kind="transmit", members=(2,), share=0.5), Suspect(kind="receive", members=(4,), share=0.5)
    assert suspicion.again(one, range(6), [one, other]) == [(2, 5), (2, 3), (2, 1)]
    assert suspicion.again(other, range(6), [one, other]) == [(5, 4), (3, 4), (1, 4)]
    group = Suspect(kind="group", members=("x", "y"), share=0.5)
    assert suspicion.again(group, range(6), [group]) == []


@pytest.mark.parametrize(
    ("more", "verdict", "said"),
    [
        ({"unknown": ((0, 1), (1, 0))}, "unknown", "UNKNOWN, because it could not be measured: a -> b, b -> a."),
        ({"wrong": ((0, 1),)}, "slow", "a -> b delivered wrong data."),
    ],
)
def test_what_is_wrong_or_unknown_is_no_clean_fabric(more: dict[str, object], verdict: str, said: str) -> None:
    found = diagnosis({}, {}, **more)
    assert found.verdict == verdict
    assert said in suspicion.sentences(found)


def test_too_few_members_have_no_answer() -> None:
    blind = Localised(suspects=(), base=None, noise=None, sees={}, unjudged=(), blind="Too few.")
    found = diagnosis({}, {}, localised=blind, found=())
    assert found.verdict == "unknown"
    assert suspicion.sentences(found) == ["Too few."]
    assert diagnoses.page(found).tables == ()


def test_the_page_marks_suspects_and_fits() -> None:
    found = diagnosis(C_SENDS, C_SENDS)
    text = screen.page_text(diagnoses.page(found))
    assert max(map(len, text.splitlines())) <= screen.WIDTH
    rows: Sequence[list[str]] = [one.split() for one in text.splitlines() if one[:2] in ("a ", "b ", "c ", "d ", "e ")]
    assert rows[0] == ["a", "-", "100", "100*", "100", "100"]
    assert rows[2] == ["c", "50*", "50*", "-", "50*", "50*"]
    assert "c sends at 0.50" in text


def test_a_suspect_without_any_measurement_is_not_confirmed() -> None:
    assert not Found(suspect=Suspect(kind="pair", members=(0, 1), share=0.5), slow=0, again=0).confirmed


def test_a_suspect_alone_is_held_against_others_alone() -> None:
    # Where all share something, a slow host alone is as fast as the others were together.
    suspect, lines = Suspect(kind="transmit", members=(2,), share=0.5), [line((2, other), 1.0) for other in (0, 1, 3)]
    assert suspicion.confirmed(suspect, lines, usual=2 * RATE).confirmed
    assert not suspicion.confirmed(suspect, lines, usual=RATE).confirmed


def test_what_pairs_have_alone_is_learnt_from_nobody_suspected() -> None:
    suspects = [Suspect(kind="transmit", members=(member,), share=0.7) for member in (0, 1)]
    assert suspicion.reference(rounds(4), suspects) == [(0, 1), (2, 3)]
    alone = [line((0, 1), 0.5), line((2, 3), 1.0)]
    assert suspicion.usual_alone(alone, suspects) == pytest.approx(RATE, rel=0.01)
    assert suspicion.usual_alone(alone[:1], suspects) == pytest.approx(0.5 * RATE, rel=0.01)
    assert suspicion.usual_alone([], suspects) is None
