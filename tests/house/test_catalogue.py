"""Every error has a row, every row can be told: gRPC numbers and HTTP numbers exist, sentences are public."""

import importlib
import pkgutil
from http import HTTPStatus

import grpc
import pytest

from policies.engine.errors import CATALOGUE, Code, DomicileError

TOWERS = ("policies", "protos", "chassis", "regional_node", "global_index")


def load_everything() -> None:
    for name in TOWERS:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, prefix=f"{name}."):
            if ".migrations" not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def subclasses(kind: type[DomicileError]) -> set[type[DomicileError]]:
    found = set(kind.__subclasses__())
    return found.union(*(subclasses(k) for k in found))


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_row(code: Code) -> None:
    row = CATALOGUE[code]
    assert row.grpc in {status.value[0] for status in grpc.StatusCode}
    assert HTTPStatus(row.http) >= HTTPStatus.BAD_REQUEST
    assert row.public == row.public.strip().rstrip(".")
    assert row.public[0].islower()


def test_every_error_class_has_a_row() -> None:
    load_everything()
    kinds = subclasses(DomicileError)
    assert kinds
    assert not [k.__qualname__ for k in kinds if k.code not in CATALOGUE]
