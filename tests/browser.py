"""Chromium and JupyterLab for tests: what this machine has, without a trace in anybody's settings."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No name is resolved, so a page that asks for another host is seen to ask, and gets nothing.
ARGUMENTS = [
    *"--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run".split(),
    *"--disable-background-networking --disable-component-update --disable-sync".split(),
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
PATIENCE = 120  # seconds, on a machine that does much else
OWN_HOSTS = ("127.0.0.1", "")  # the server of the test; none at all, as in data: and file:


def program() -> str | None:
    """Where a Chromium is installed."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


def missing() -> str:
    """What is missing for a test in a browser, and what to do about it; "" if nothing is."""
    if importlib.util.find_spec("playwright") is None:
        return 'playwright is not installed: pip install -c constraints.txt -e ".[course,test]"'
    if program() is None:
        return f"no browser: none of {', '.join(PROGRAMS)} is on the path; for example, apt-get install chromium"
    return ""


@contextmanager
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page, and what it did that no page of the course may do. errors: on its console, or raised by its scripts."""

    page: Page
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(1000 * PATIENCE)
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", lambda socket: self._asked(socket.url))

    def _asked(self, url: str) -> None:
        if (urlsplit(url).hostname or "") not in OWN_HOSTS:
            self.elsewhere.append(url)

    def faults(self) -> list[str]:
        """Everything that is wrong with the page as it stands."""
        asked = [f"asks {url}" for url in self.elsewhere]
        return asked + [f"error: {error}" for error in self.errors] + self.page.evaluate(UNNAMED)


@contextmanager
def visiting(browser: Browser) -> Iterator[Visit]:
    page = browser.new_page(viewport={"width": 1300, "height": 1200})
    try:
        yield Visit(page)
    finally:
        page.close()


# What has no words for somebody who doesn't see it, in the page or in a notebook's text and outputs. JupyterLab itself
# writes alt="Image" where there is none.
UNNAMED = """() => {
    const notebook = document.querySelector('.jp-Notebook');
    const areas = notebook ? [...notebook.querySelectorAll('.jp-OutputArea, .jp-RenderedMarkdown')] : [document.body];
    const all = selector => [...new Set(areas.flatMap(area => [...area.querySelectorAll(selector)]))];
    const said = (...elements) => elements.some(e => e && e.textContent.trim());
    const shown = e => e.outerHTML.slice(0, 200);
    const words = (label, e) => label.textContent.replace(e.textContent, '').trim();
    const labelled = e => e.ariaLabel || [...e.labels].some(label => words(label, e));
    const group = e => e.closest('.widget-slider, .widget-radio')?.querySelector('.widget-label');
    return [
        ...all('img').filter(e => ['', 'Image'].includes(e.alt.trim())).map(e => 'no alternative text: ' + shown(e)),
        ...all('svg[role=img]').filter(e => !e.ariaLabel && !said(e)).map(e => 'no name: ' + shown(e)),
        ...all('input, select, textarea').filter(e => !labelled(e)).map(e => 'no label: ' + shown(e)),
        ...all('[role=slider], input[type=radio]').filter(e => !said(group(e))).map(e => 'no label: ' + shown(e)),
        ...all('button, summary').filter(e => !e.ariaLabel && !said(e)).map(e => 'no name: ' + shown(e)),
        ...all('select').filter(e => e.selectedIndex < 0).map(e => 'shows no choice: ' + shown(e)),
        ...all('[title=null]').filter(e => e.checkVisibility()).map(e => 'its hint is "null": ' + shown(e)),
    ];
}"""

NO_NEWS = "@jupyterlab/apputils-extension:announcements"  # it asks jupyterlab.github.io
WHOLE = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}  # cells out of sight stay on the page
TOKEN = "T"


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    address: str
    logfile: Path

    def page_of(self, notebook: Path) -> str:
        """The address of this notebook, on the one kernel that all share: imports take longer than most chapters.

        That each runs on a kernel of its own is for nbval to see.
        """
        running = self._api("GET", "kernels")
        session = {"path": notebook.name, "name": notebook.name, "type": "notebook"}
        self._api("POST", "sessions", session | {"kernel": running[0] if running else {"name": "python3"}})
        return f"{self.address}/lab/tree/{notebook.name}?token={TOKEN}&reset"

    def _api(self, method: str, name: str, body: dict[str, Any] | None = None) -> Any:
        with closing(HTTPConnection(urlsplit(self.address).netloc, timeout=PATIENCE)) as connection:
            headers = {"Authorization": f"token {TOKEN}"}
            connection.request(method, f"/api/{name}", json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            said = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"JupyterLab refuses {method} {name}: {said.decode()}\n{self.log()}")
        return json.loads(said)

    def log(self) -> str:
        """The last that the server said."""
        return "\n".join(self.logfile.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])


@contextmanager
def jupyterlab(folder: Path, notebooks: Sequence[Path]) -> Iterator[Lab]:
    """JupyterLab over copies of these notebooks; everything that it writes stays in the folder."""
    copies, configuration = folder / "notebooks", folder / "config" / "labconfig"
    copies.mkdir()
    configuration.mkdir(parents=True)
    for notebook in notebooks:
        shutil.copy(notebook, copies)
    (configuration / "page_config.json").write_text(json.dumps({"disabledExtensions": {NO_NEWS: True}}))
    (configuration / "default_setting_overrides.json").write_text(json.dumps(WHOLE))
    lab = Lab(f"http://127.0.0.1:{_free_port()}", folder / "log")
    with lab.logfile.open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *_options(lab, copies)],
            env=_environment(folder),
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await(server, lab)
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _options(lab: Lab, folder: Path) -> list[str]:
    port = urlsplit(lab.address).port
    served = ["ip=127.0.0.1", f"port={port}", "port_retries=0", f"root_dir={folder}"]
    return [*(f"--ServerApp.{option}" for option in served), f"--IdentityProvider.token={TOKEN}"]


def _environment(folder: Path) -> dict[str, str]:
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    ours = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    return ours | {name: str(folder / place) for name, place in places.items()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await(server: subprocess.Popen[bytes], lab: Lab) -> None:
    """Returns once the server listens. Raises RuntimeError, with its log, if it ends or stays silent."""
    address, deadline = ("127.0.0.1", urlsplit(lab.address).port), time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(address).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"JupyterLab did not start:\n{lab.log()}")
