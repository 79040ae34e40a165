"""A wheel brings what stands beside the package: dbt project, suites, docs and workspace file."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BESIDE = ("dbt_project", "expectations", "docs", "workspace.yaml")
LEFT_OUT = shutil.ignore_patterns("target", "logs", "images", ".user.yml")


class BuildWithProject(build_py):
    """Copies them to `orchestration/project`, where `orchestration/settings.py` looks for them."""

    def run(self) -> None:
        """As `build_py`; an editable install finds them in the checkout."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "orchestration" / "project"
        for name in BESIDE:
            if Path(name).is_dir():
                shutil.copytree(name, target / name, ignore=LEFT_OUT, dirs_exist_ok=True)
            else:
                shutil.copy(name, target / name)


setup(cmdclass={"build_py": BuildWithProject})
