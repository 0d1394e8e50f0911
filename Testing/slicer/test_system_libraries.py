"""The test command installs what is missing where it may, and else says how."""

from __future__ import annotations

from Testing.slicer import system_libraries
from Testing.slicer.system_libraries import INSTALL, advice, can_draw, install, prepare


class Machine:
    """A machine that can draw after apt-get installed something, if it is let."""

    def __init__(self, draws: bool = False, lists_are_there: bool = True, helps: bool = True):
        self.draws, self.lists, self.helps = draws, lists_are_there, helps
        self.commands: list[tuple[str, ...]] = []

    def look(self) -> bool:
        return self.draws

    def run(self, command) -> int:
        self.commands.append(tuple(command))
        if "update" in command:
            self.lists = True
        elif self.lists and self.helps:
            self.draws = True
        return 0 if self.lists else 100

    def prepare(self, before):
        return prepare(self.look, lambda: before, lambda rights: install(rights, self.run))


def test_nothing_is_called_where_nothing_is_missing():
    machine = Machine(draws=True)
    assert machine.prepare(()) is None
    assert machine.commands == []


def test_root_installs_and_renews_the_lists_only_where_they_are_missing(capsys):
    machine = Machine()
    assert machine.prepare(()) is None
    assert machine.commands == [INSTALL]
    fresh = Machine(lists_are_there=False)
    assert fresh.prepare(()) is None
    assert fresh.commands == [INSTALL, ("apt-get", "update"), INSTALL]
    assert "libegl1" in capsys.readouterr().err


def test_a_user_with_sudo_installs_by_it():
    machine = Machine()
    assert machine.prepare(("sudo", "-n")) is None
    assert machine.commands[0][:3] == ("sudo", "-n", "apt-get")


def test_who_may_not_is_told_the_exact_command():
    machine = Machine()
    told = machine.prepare(None)
    assert machine.commands == []
    assert told is not None
    assert "sudo apt-get install --no-install-recommends libegl1 libgl1" in told


def test_a_machine_that_still_cannot_draw_fails():
    assert Machine(helps=False).prepare(()) == advice()


def test_a_dead_trial_is_no_drawing(monkeypatch):
    monkeypatch.setattr(system_libraries, "TRIAL", "import os; os.kill(os.getpid(), 11)")
    assert not can_draw()
