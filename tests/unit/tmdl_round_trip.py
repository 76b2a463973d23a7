"""Read a TMDL folder with Microsoft's TmdlSerializer, and write it into another folder.

`python tmdl_round_trip.py FOLDER OTHER_FOLDER`, in a process of its own, since .NET stays loaded.
The .NET runtime is that of the package dotnetcore2, the serializer that of pbi-cli-tool.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

_ASSEMBLIES = ("Core", "Tabular.Json", "Tabular", "")  # of Microsoft.AnalysisServices, in order
_RUNTIME = {
    "runtimeOptions": {
        "tfm": "netcoreapp3.1",
        "framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
    }
}


def _folder(package: str) -> Path:
    file = import_module(package).__file__
    if file is None:
        raise ImportError(package)
    return Path(file).parent


def _serializer() -> Any:  # noqa: ANN401 - a .NET class
    """Load .NET and Microsoft's libraries."""
    os.environ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1"  # it needs no libicu then
    runtime = _folder("dotnetcore2") / "bin"
    (runtime / "dotnet").chmod(0o755)
    settings = Path(tempfile.mkdtemp()) / "runtime.json"
    settings.write_text(json.dumps(_RUNTIME), encoding="utf-8")
    clr = import_module("clr_loader").get_coreclr(
        runtime_config=str(settings), dotnet_root=str(runtime)
    )
    import_module("pythonnet").set_runtime(clr)
    import_module("clr")
    load = import_module("System.Reflection").Assembly.LoadFrom
    for name in _ASSEMBLIES:
        file = ".".join(filter(None, ("Microsoft.AnalysisServices", name, "dll")))
        load(str(_folder("pbi_cli") / "dlls" / file))
    import_module("clr").AddReference("Microsoft.AnalysisServices.Tabular")
    return import_module("Microsoft.AnalysisServices.Tabular").TmdlSerializer


def main(source: str, target: str) -> None:
    """Read, check, write.

    Raises:
        SystemExit: the model contradicts itself.
        Exception: of .NET; a file cannot be parsed.
    """
    serializer = _serializer()
    database = serializer.DeserializeDatabaseFromFolder(source)
    found = database.Model.Validate()
    if found.ContainsErrors:
        sys.exit("\n".join(str(error.Message) for error in found.Errors))
    serializer.SerializeModelToFolder(database.Model, target)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
