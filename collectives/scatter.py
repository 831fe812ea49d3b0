"""Scatter: rank i ends with part i of the root's array."""

from fabricbench.collectives import movement, rooted
from fabricbench.collectives.library import Arguments, own
from fabricbench.collectives.rooted import at_root, root
from fabricbench.spec import Array, Context, Layout, Operation, Question, equal_parts
from fabricbench.traffic import collective


def own_part(question: Question, start: int, stop: int) -> Array:
    """This rank's part of what the root holds."""
    first = question.rank * (question.count // question.ranks)
    return question.input(root(question), first + start, first + stop)


def layout(question: Question) -> Layout:
    """Only the root has an input; in place its own part stays there."""
    part = question.count // question.ranks
    if at_root(question):
        return Layout(inputs=(question.count,), output=0 if question.case.in_place else part, place=None)
    return Layout(inputs=(), output=part)


scatter = Operation(
    name="scatter",
    family="collective",
    layout=layout,
    reference=own_part,
    traffic=lambda question: collective(question.case, question.ranks),
    rates=("algbw", "busbw"),
    dtypes=movement.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"root": 0},
    refuse=rooted.refuse,
    fit=equal_parts,
    in_place="possible",
    streaming_below=4096,
    window=16,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Scatter."""
    question, given = context.question, movement.given(context)
    part = question.count // question.ranks
    here = question.case.in_place and at_root(question)
    whole = context.inputs[0] if at_root(question) else context.output
    return Arguments(
        c=(
            whole.address, part, given.type,
            given.in_place if here else context.output.address, part, given.type, root(question),
        ),
        python=(
            [whole.array, part, given.named] if at_root(question) else None,
            given.python_in_place if here else [context.output.array, given.named],
            root(question),
        ),
    )  # fmt: skip


own(scatter, "Scatter", arguments)
