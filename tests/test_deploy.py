"""What runs `serve` elsewhere: the files are what their programs can read, and ask for what the server has."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tellapart.cli.main import app
from tellapart.serve.description import ADDRESSES

DEPLOY = Path(__file__).parents[1] / "deploy"


def documents(name):
    yaml = pytest.importorskip("yaml", reason="needs the extra: pip install -e '.[dev]'")
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def instructions():
    """The instructions of the Dockerfile, each on one line, without comments."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line]


def entrypoint():
    yaml = pytest.importorskip("yaml", reason="needs the extra: pip install -e '.[dev]'")
    (found,) = [yaml.safe_load(rest) for kind, rest in instructions() if kind == "ENTRYPOINT"]
    return found


def understood(words):
    """The options of a command line that starts with tellapart serve, as the command reads them; it is not run."""
    import typer

    command = typer.main.get_command(app).commands["serve"]
    return command.make_context("serve", list(words), resilient_parsing=False).params


def containers():
    deployment, *_ = documents("kubernetes.yaml")
    (inference,) = documents("kserve.yaml")
    pods = (deployment["spec"]["template"]["spec"], inference["spec"]["predictor"])
    return [(pod, pod["containers"][0]) for pod in pods]


def test_dockerfile__copies_what_is_there_and_runs_what_the_command_knows():
    copied = [rest.split()[:-1] for kind, rest in instructions() if kind == "COPY" and "--from" not in rest]
    assert all((DEPLOY.parent / name).exists() for names in copied for name in names)
    (user,) = [rest for kind, rest in instructions() if kind == "USER"]
    assert int(user.split(":")[0]) > 0
    program, command, *words = entrypoint()
    assert (program, command) == ("tellapart", "serve")
    found = understood([*words, "/models/model.tellapart"])
    assert (found["host"], found["port"]) == ("0.0.0.0", 8000)
    (check,) = [rest for kind, rest in instructions() if kind == "HEALTHCHECK"]
    assert ("get", re.search(r":8000(/[\w/]+)", check)[1]) in ADDRESSES


def test_dockerignore__lets_through_all_that_is_copied():
    let_through = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), flags=re.MULTILINE)
    copied = [rest.split()[:-1] for kind, rest in instructions() if kind == "COPY" and "--from" not in rest]
    assert {name for names in copied for name in names} == set(let_through)


def test_manifests__ask_for_addresses_that_are_there_and_write_nothing():
    for pod, container in containers():
        found = understood([*entrypoint()[2:], *container["args"]])
        assert found["port"] == container["ports"][0]["containerPort"]
        assert Path(found["model"]).name == "model.tellapart"
        probes = [value["httpGet"]["path"] for name, value in container.items() if name.endswith("Probe")]
        assert probes
        assert all(("get", path) in ADDRESSES for path in probes)
        assert pod["securityContext"]["runAsNonRoot"]
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"]
        assert not rights["allowPrivilegeEscalation"]
        assert all(mount["readOnly"] for mount in container.get("volumeMounts", []))


def test_manifests__fit_together():
    deployment, service, budget = documents("kubernetes.yaml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = (deployment["spec"]["selector"]["matchLabels"], budget["spec"]["selector"]["matchLabels"])
    assert [labels, labels, labels] == [*selectors, service["spec"]["selector"]]
    pod, container = containers()[0]
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    key = Path(understood(container["args"])["key_file"])
    assert str(key.parent) in {each["mountPath"] for each in container["volumeMounts"]}
    assert service["spec"]["ports"][0]["targetPort"] in {each["name"] for each in container["ports"]}


def test_service__is_understood_by_the_command_and_by_systemd(tmp_path):
    text = (DEPLOY / "tellapart.service").read_text(encoding="utf-8")
    program, command, *words = shlex.split(re.search(r"^ExecStart=(.+)$", text, flags=re.MULTILINE)[1])
    assert (Path(program).name, command) == ("tellapart", "serve")
    assert Path(understood(words)["key_file"]) == Path("%d/key")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "tellapart.service"
    unit.write_text(text.replace(program, shutil.which("true")))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
