"""The gRPC face of a regional node, put together: what `protos.channel.serve` registers. It opens no port itself."""

from collections.abc import Callable
from concurrent.futures import Executor

from grpc import aio

from protos.v1 import entries_pb2_grpc, persons_pb2_grpc, policies_pb2_grpc, questions_pb2_grpc
from regional_node.egress.gate import Gate
from regional_node.rpc.entries import EntriesServicer
from regional_node.rpc.persons import PersonsServicer
from regional_node.rpc.policies import RehearsalsServicer
from regional_node.rpc.questions import QuestionsServicer
from regional_node.usecases.feed import Feed
from regional_node.usecases.rehearsing import Rehearsing


def registrar(
    gate: Gate,
    feed: Feed,
    rehearsing: Rehearsing,
    *,
    questions: Executor,
    store: Executor,
    rehearsals: Executor,
    importer: Callable[[], str],
) -> Callable[[aio.Server], None]:
    """What registers the services. `questions` and `rehearsals` have one thread each; `store` a few, for the rest."""

    def register(server: aio.Server) -> None:
        questions_pb2_grpc.add_QuestionsServicer_to_server(QuestionsServicer(gate, questions), server)
        persons_pb2_grpc.add_PersonsServicer_to_server(PersonsServicer(gate, store), server)
        policies_pb2_grpc.add_RehearsalsServicer_to_server(RehearsalsServicer(rehearsing, rehearsals), server)
        entries_pb2_grpc.add_EntriesServicer_to_server(EntriesServicer(gate, feed, store, importer=importer), server)

    return register
