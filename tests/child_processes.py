"""Children of a process, and whether they run, as Linux tells."""

from pathlib import Path


def children_of(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            _, its_parent = state_of(int(folder.name))
        except FileNotFoundError:
            continue
        if its_parent == parent:
            found.append(int(folder.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether it runs: one that nobody has asked about keeps its number after its end."""
    try:
        state, _ = state_of(pid)
    except FileNotFoundError:
        return False
    return state != "Z"


def state_of(pid: int) -> tuple[str, int]:
    """Its state and its parent (proc_pid_stat(5): the name before them may have blanks)."""
    state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return state, int(parent)
