"""All-to-all with a type of its own for every share; displacements are in bytes."""

import numpy as np

from fabricbench.collectives import exchanges, movement, portions
from fabricbench.collectives.library import COUNT_LIMIT, Arguments, integers, own
from fabricbench.spec import Context, Operation, Refused
from fabricbench.traffic import collective

alltoallw = Operation(
    name="alltoallw",
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
    """Of MPI_Alltoallw."""
    question, given = context.question, movement.given(context)
    edges, here = exchanges.edges(question, question.rank), question.case.in_place
    sizes = exchanges.counts(question, question.rank)
    exchanges.agreed(context, sizes, sizes)
    nbytes = question.case.nbytes  # its displacements are bytes
    if nbytes > COUNT_LIMIT and question.case.variant == "mpi4py":
        raise Refused(f"displacements of {nbytes} bytes are more than an int can name.")
    counts, displacements = integers(sizes, nbytes), integers(np.asarray(edges[:-1]) * question.dtype.itemsize, nbytes)
    kinds = np.full(question.ranks, given.type, np.dtype(f"i{context.mpi.handle_width}"))
    shares = (counts.ctypes.data, displacements.ctypes.data, kinds.ctypes.data)
    places, named = (counts.tolist(), displacements.tolist()), [given.named] * question.ranks
    return Arguments(
        c=(given.in_place if here else context.inputs[0].address, *shares, context.output.address, *shares),
        python=(
            given.python_in_place if here else [context.inputs[0].array, *places, named],
            [context.output.array, *places, named],
        ),
        keep=(counts, displacements, kinds),
        largest=nbytes,
    )


own(alltoallw, "Alltoallw", arguments)
