"""Write the golden sources anew: ``python -m tests.golden.renew``, or ``make golden``."""

from __future__ import annotations

import difflib

from tests.golden.models import HERE, MODELS, STYLES, path_of


def main() -> None:
    """Write every source, and say how many lines of each have changed."""
    (HERE / "sources").mkdir(exist_ok=True)
    known = set()
    for name, declare in MODELS.items():
        for style in STYLES:
            path = path_of(name, style)
            known.add(path)
            old = path.read_text(encoding="utf-8") if path.exists() else ""
            new = declare(style).source
            if new != old:
                path.write_text(new, encoding="utf-8")
                lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=0))[2:]
                added = sum(line.startswith("+") for line in lines)
                removed = sum(line.startswith("-") for line in lines)
                print(f"{path.name}: +{added} -{removed}")
    for path in sorted((HERE / "sources").glob("*.py")):
        if path not in known:
            path.unlink()
            print(f"{path.name}: removed")
    print(f"{len(known)} golden sources")


if __name__ == "__main__":
    main()
