"""The test command installs the browser where it may, and else says how."""

from __future__ import annotations

import pytest

from Testing.app import chromium


class Machine:
    """A machine that has the browser after apt-get installed it, if it is let."""

    def __init__(self, has=False, lists_are_there=True, helps=True):
        self.path = "/usr/bin/chromium" if has else None
        self.lists, self.helps = lists_are_there, helps
        self.commands: list[tuple[str, ...]] = []

    def run(self, command) -> int:
        self.commands.append(tuple(command))
        if "update" in command:
            self.lists = True
        elif self.lists and self.helps:
            self.path = "/usr/bin/chromium"
        return 0 if self.lists else 100

    def prepare(self, rights):
        return chromium.prepare(
            lambda: self.path, lambda: rights, lambda before: chromium.install(before, self.run)
        )


def test_nothing_is_called_where_it_is_there():
    machine = Machine(has=True)
    assert machine.prepare(()) is None
    assert machine.commands == []


def test_who_may_installs_it_and_renews_the_lists_only_where_they_are_missing(capsys):
    machine = Machine()
    assert machine.prepare(("sudo", "-n")) is None
    assert machine.commands == [("sudo", "-n", *chromium.INSTALL)]
    fresh = Machine(lists_are_there=False)
    assert fresh.prepare(()) is None
    assert fresh.commands == [chromium.INSTALL, ("apt-get", "update"), chromium.INSTALL]
    assert "Installing chromium" in capsys.readouterr().err


@pytest.mark.parametrize(("helps", "rights"), [(True, None), (False, ())])
def test_where_it_cannot_be_installed_the_command_is_told(helps, rights):
    machine = Machine(helps=helps)
    told = machine.prepare(rights)
    assert told is not None
    assert "sudo apt-get install chromium" in told
    assert chromium.VARIABLE in told


def test_a_browser_of_ones_own_comes_first(monkeypatch, tmp_path):
    own = tmp_path / "chromium"
    monkeypatch.setenv(chromium.VARIABLE, str(own))
    assert chromium.find() is None
    own.touch()
    assert chromium.find() == str(own)
