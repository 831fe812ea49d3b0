"""All-to-all of shares that may differ: what rank i holds for rank j ends there, in order of rank."""

from fabricbench.collectives import exchanges, movement, portions
from fabricbench.collectives.library import Arguments, integers, own
from fabricbench.spec import Context, Operation
from fabricbench.traffic import collective

alltoallv = Operation(
    name="alltoallv",
    family="collective",
    layout=exchanges.layout,
    reference=exchanges.exchanged,
    traffic=lambda question: collective(question.case, question.ranks),
    rates=("algbw", "busbw"),
    dtypes=movement.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"counts": "equal"},
    refuse=portions.refuse,
    in_place="possible",
    streaming_below=4096,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Alltoallv."""
    question, given = context.question, movement.given(context)
    edges, here = exchanges.edges(question, question.rank), question.case.in_place
    sizes = exchanges.counts(question, question.rank)
    exchanges.agreed(context, sizes, sizes)
    counts, displacements = integers(sizes, question.count), integers(edges[:-1], question.count)
    shares = (counts.ctypes.data, displacements.ctypes.data, given.type)
    return Arguments(
        c=(given.in_place if here else context.inputs[0].address, *shares, context.output.address, *shares),
        python=(
            given.python_in_place
            if here
            else movement.vector(context.inputs[0].array, counts, displacements, given.named),
            movement.vector(context.output.array, counts, displacements, given.named),
        ),
        keep=(counts, displacements),
    )


own(alltoallv, "Alltoallv", arguments)
