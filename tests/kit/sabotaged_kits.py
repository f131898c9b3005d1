"""The kit, applied to the good twin and to every sabotaged backend. Run by ``test_sabotage``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

from geowatch_core.backend import RoleName
from geowatch_core.testing import (
    BackendKit,
    ConsumerKit,
    Fault,
    Harness,
    ProducerKit,
    StoreKit,
)
from tests.kit.harness import FileHarness, MemoryHarness
from tests.kit.table import SABOTAGES
from tests.kit.twin import _driver

KITS: dict[str, Any] = {
    "backend": BackendKit,
    "consumer": ConsumerKit,
    "producer": ProducerKit,
    "store": StoreKit,
}


class TwinHarness(MemoryHarness):
    """The twin's service can be broken in every way."""

    backend = "twin"
    driver_modules: ClassVar[Sequence[str]] = ("tests.kit.twin._driver",)
    patience = 1.0
    many = 200

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """Those of memory, with a secret."""
        secret = "password" if role == "store" else "token"
        return {**super().options(role), secret: self.secrets()[secret]}

    def secrets(self) -> Mapping[str, str]:
        """Two of them."""
        return {"token": "canary-8c1f0e-token", "password": "canary-27ab55-password"}

    def break_with(self, fault: Fault) -> AbstractContextManager[object]:
        """Have the service fail in just that way."""
        return self._broken(fault)

    @contextmanager
    def _broken(self, fault: Fault) -> Iterator[None]:
        _driver.FAULTS[self.unique] = fault
        try:
            yield
        finally:
            del _driver.FAULTS[self.unique]


for _role, _kit in KITS.items():
    globals()[f"TestTwin{_role.title()}"] = type(
        f"TestTwin{_role}", (_kit,), {"harness": TwinHarness}
    )
for _name, _sabotage in SABOTAGES.items():
    _base: type[Harness] = FileHarness if _sabotage.of_file else TwinHarness
    _harness = type(f"{_name}Harness", (_base,), {"backend": _sabotage.backend})
    globals()[f"Test{_name}"] = type(f"Test{_name}", (KITS[_sabotage.role],), {"harness": _harness})
