"""bertviz's head, model and neuron views of course-gpt2 as pictures, and what made them.

    .venv/bin/python tooling/bertviz/picture.py data/pictures

bertviz writes pages that load three scripts from elsewhere. A browser without a network opens them as they are; what
they ask for comes from npm's packages, fetched once into build/. The weights that each page draws are compared with
the model's own before anything is written: then bertviz-*.png and bertviz.json, else nothing.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import io
import json
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import torch
from bertviz import head_view, model_view, neuron_view
from bertviz.transformers_neuron_view import GPT2Config, GPT2Model
from PIL import Image, ImageChops, ImageOps

import xai_helpers as xai
from xai_helpers.attention import attention_weights

sys.path.append(str(Path(__file__).parents[2] / "tests"))
import browser

PACKAGES = Path(__file__).parents[2] / "build" / "npm"
MODEL, TEXT = "course-gpt2", "The Eiffel Tower is located in the city of"
LAYER, HEAD, READER = 1, 1, 9  # its last token reads " Eiffel" there
WIDEST, MARGIN, LARGEST = 900, 12, 150_000  # pixels of a picture, pixels of white around it, bytes
PATIENCE = 30_000  # milliseconds until a page has drawn
TOLERANCE = 1e-5  # of a weight, in single precision and written with six digits


class Script(NamedTuple):
    """A script, and the package of npm's that holds it; sha256: of the package."""

    name: str
    version: str
    path: str
    sha256: str


# By the last part of the address that bertviz asks for. It asks for jquery 2.0.0, which npm does not have.
SCRIPTS = {
    "require.min.js": Script(
        "requirejs", "2.3.6", "require.js", "1d1a8a5ea21b941f5c80f7caf3ac7f3e1cb8cf2903a706d5c0d15434eaedd326"
    ),
    "jquery.min.js": Script(
        "jquery", "2.2.4", "dist/jquery.min.js", "1ce113265b4e2a1c8cfc1da2fbf8836bd44e2911daa2a264b8ec52afef2e19a1"
    ),
    "d3.min.js": Script(
        "d3", "5.7.0", "dist/d3.min.js", "21f53af012d1c00bc9476fa7c3be902fda809495b001e7f7a9481c744d4fe51e"
    ),
}

# The weights as a page has them once it has drawn: opacities.
OPACITIES = {
    "head": "[...document.querySelectorAll('#attention line')].map(line => line.getAttribute('stroke-opacity'))",
    "model": "[...document.querySelectorAll('svg line')].map(line => line.getAttribute('stroke-opacity'))",
    "neuron": "[...document.querySelectorAll('#expanded #rightText .highlight')].map(box => box.style.opacity)",
}
ALT = {
    "head": f"bertviz's head view of layer {LAYER}: two columns of tokens, joined by lines of one colour for each head",
    "model": "bertviz's model view: for each layer and head a small drawing of lines, one colour for each layer",
    "neuron": f"bertviz's neuron view of layer {LAYER}, head {HEAD}, as the last token reads: its query, every key, "
    "their products dimension by dimension, the sums, and the softmax as a shade behind each token",
}


def script(wanted: Script) -> bytes:
    """The script out of its package, which npm fetches unless it is there."""
    package = PACKAGES / f"{wanted.name}-{wanted.version}.tgz"
    if not _is(package, wanted):
        command = [
            "npm",
            "pack",
            f"{wanted.name}@{wanted.version}",
            f"--pack-destination={PACKAGES}",
            "--loglevel=error",
        ]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
            sys.exit(f"npm needs a network for this, and failed: {shlex.join(command)}")
        if not _is(package, wanted):
            sys.exit(f"{package} is not the package that bertviz was seen to draw with: its SHA-256 is another")
    with tarfile.open(package) as files:
        found = files.extractfile(f"package/{wanted.path}")
        assert found is not None, "a package of this SHA-256 has it"
        return found.read()


def _is(package: Path, wanted: Script) -> bool:
    return package.is_file() and hashlib.sha256(package.read_bytes()).hexdigest() == wanted.sha256


def copied(model: xai.TextModel) -> GPT2Model:
    """bertviz's own GPT-2 of 2019 with the weights of ours: its neuron view reads no other class."""
    known = model.model.config
    copy = GPT2Model(
        GPT2Config(
            known.vocab_size,
            n_positions=known.n_positions,
            n_ctx=known.n_positions,
            n_embd=known.n_embd,
            n_layer=known.n_layer,
            n_head=known.n_head,
            layer_norm_epsilon=known.layer_norm_epsilon,
            output_attentions=True,
        )
    )
    left = copy.load_state_dict(model.model.base_model.state_dict(), strict=False)
    missing = [name for name in left.missing_keys if not name.endswith("attn.bias")]  # its causal masks
    assert not missing and not left.unexpected_keys, f"weights differ: {missing}, {left.unexpected_keys}"
    return copy


def pages(model: xai.TextModel) -> dict[str, str]:
    """What bertviz writes, by view."""
    encoded = model.encode(TEXT)
    with torch.no_grad():
        attention = model.forward(encoded, output_attentions=True).attentions
        one = {"layer": LAYER, "head": HEAD, "display_mode": "light", "html_action": "return"}
        neuron = neuron_view.show(copied(model), "gpt2", model.tokenizer, TEXT, **one)
    tokens = model.tokenizer.convert_ids_to_tokens(encoded.ids[0].tolist())
    return {
        "head": head_view(attention, tokens, layer=LAYER, html_action="return").data,
        "model": model_view(attention, tokens, display_mode="light", html_action="return").data,
        "neuron": neuron.data,
    }


def weights(model: xai.TextModel) -> dict[str, np.ndarray]:
    """What the views should draw: the model's own weights; a head view divides them by the number of its heads."""
    every = attention_weights(model, TEXT)
    return {"head": every[LAYER] / every.shape[1], "model": every, "neuron": every[LAYER, HEAD, READER]}


def without_network(page: Any, html: str) -> dict[str, Any]:
    """How many drawings the page then has, and its errors."""
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(error.message))
    page.set_content(html)
    return {"drawings": page.locator("svg").count(), "errors": errors}


def drawn(page: Any, name: str, html: str, bodies: Mapping[str, bytes]) -> tuple[np.ndarray, bytes, list[str]]:
    """The weights as the page has them, its screenshot, and the addresses that it asked for."""
    from playwright.sync_api import TimeoutError as Late

    asked: list[str] = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        body = bodies.get(Path(urlsplit(asked[-1]).path).name)
        if body is None:
            route.abort()
        else:
            route.fulfill(body=body, content_type="text/javascript")

    page.route("**/*", answer)
    page.set_default_timeout(PATIENCE)
    page.set_content(html)
    try:
        page.wait_for_selector("svg text", state="attached")
    except Late:
        sys.exit(f"bertviz's {name} view draws nothing; it asked for {', '.join(asked)}")
    if name == "neuron":  # its computation unfolds at the plus sign that stands beside the token under the mouse
        token = page.locator("#collapsed #leftText > g").nth(READER)
        token.locator("text").hover()
        token.locator("rect").last.click(force=True)
    found = np.array(page.evaluate(OPACITIES[name]), dtype=np.float64)
    return found, page.screenshot(full_page=True), sorted(asked)


def picture(screenshot: bytes) -> bytes:
    """What isn't white of a screenshot, as a PNG of 256 colours: as wide as WIDEST and LARGEST allow."""
    with Image.open(io.BytesIO(screenshot)) as opened:
        whole = opened.convert("RGB")
    part = whole.crop(ImageChops.difference(whole, Image.new("RGB", whole.size, "white")).getbbox())
    part = ImageOps.expand(part, MARGIN, "white")
    width = min(WIDEST, part.width)
    while len(small := _png(part, width)) > LARGEST:
        width -= 50
    return small


def _png(image: Image.Image, width: int) -> bytes:
    body, size = io.BytesIO(), (width, round(image.height * width / image.width))
    small = image.resize(size, Image.Resampling.LANCZOS)
    small.quantize(256, kmeans=1, dither=Image.Dither.NONE).save(body, "PNG", optimize=True)
    return body.getvalue()


def views(model: xai.TextModel, bodies: Mapping[str, bytes]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The pictures by file name, and what is known of each view."""
    expected, files, known = weights(model), {}, {}
    with browser.chromium() as chromium:
        for name, html in pages(model).items():
            with chromium.new_context() as context:
                blank = without_network(context.new_page(), html)
            with chromium.new_context(viewport={"width": 1200, "height": 800}, device_scale_factor=2) as context:
                found, screenshot, asked = drawn(context.new_page(), name, html, bodies)
            difference = float(np.abs(found - expected[name].ravel()).max())
            if difference > TOLERANCE:
                sys.exit(f"bertviz's {name} view draws weights that differ from the model's by {difference:.1e}")
            file = f"bertviz-{name}.png"
            files[file] = picture(screenshot)
            known[name] = {
                "file": file,
                "alt": ALT[name],
                "page": {"bytes": len(html.encode()), "asks for": asked, "without a network": blank},
                "weights differ by at most": float(f"{difference:.0e}"),
            }
    return files, known


def made() -> dict[str, bytes]:
    """All files by name."""
    if shutil.which("npm") is None:
        sys.exit("npm is not on the path; it fetches what bertviz's pages load. For example, apt-get install npm")
    if lacking := browser.missing():
        sys.exit(lacking)
    PACKAGES.mkdir(parents=True, exist_ok=True)
    bodies = {asked: script(wanted) for asked, wanted in SCRIPTS.items()}
    files, known = views(xai.load(MODEL), bodies)
    record = {
        "tool": "bertviz",
        "version": importlib.metadata.version("bertviz"),
        "command": "make tools",
        "model": MODEL,
        "text": TEXT,
        "layer": LAYER,
        "head": HEAD,
        "reader": READER,
        "scripts": {wanted.name: wanted.version for wanted in SCRIPTS.values()},
        "views": known,
        "date": datetime.date.today().isoformat(),
    }
    return files | {"bertviz.json": (json.dumps(record, indent=2) + "\n").encode()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    folder = parser.parse_args().folder
    torch.set_num_threads(1)
    files = made()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        for name, body in files.items():
            (Path(beside) / name).write_bytes(body)
        for name in files:
            (Path(beside) / name).replace(folder / name)
    for name, body in files.items():
        print(f"{len(body):7d}  {folder / name}")


if __name__ == "__main__":
    main()
