"""What a server can be asked: an OpenAPI document, and a page of it that loads nothing from anywhere."""

from __future__ import annotations

import html
from typing import Any, Final

import tellapart
from tellapart.report.language import Words
from tellapart.serve.refusal import REFUSALS

BYTES: Final = {"type": "string", "format": "binary"}
FORM: Final = {"type": "object", "properties": {"file": {"type": "array", "items": BYTES}}}
PICTURE: Final = {"image/*": {"schema": BYTES}, "multipart/form-data": {"schema": FORM}}
TENSORS: Final = {
    "application/json": {"schema": {"type": "object", "required": ["inputs"]}},
    "application/octet-stream": {"schema": BYTES},  # the same with pixels as bytes behind it
}
PLAIN: Final[dict[tuple[str, str], Words]] = {
    ("get", "/"): Words(en="A page that answers about pictures, for people.", zh="供人使用的页面，对图片作出回答。"),
    ("get", "/cards"): Words(
        en="What that page is told: classes, and test cards with what must be answered.",
        zh="该页面所需的信息：类别，以及测试图片和应有的回答。",
    ),
    ("post", "/predict"): Words(
        en="Class, probabilities and marks of one picture (the body) or of several (files of a form).",
        zh="一张图片（请求正文）或多张图片（表单中的文件）的类别、概率和标记。",
    ),
    ("post", "/explain"): Words(
        en="A PNG that shows which parts of a picture decided, or the numbers with Accept: application/json; "
        "?class=NAME asks about another class.",
        zh="一张 PNG，显示图片中起决定作用的部分；带 Accept: application/json 时返回数值；?class=名称 可询问另一类。",
    ),
    ("get", "/model"): Words(en="What the model file says of itself.", zh="模型文件对自身的说明。"),
    ("get", "/health/live"): Words(en="Whether the server runs.", zh="服务器是否在运行。"),
    ("get", "/health/ready"): Words(en="Whether it answers.", zh="是否可以回答。"),
    ("get", "/metrics"): Words(en="Counts for Prometheus.", zh="供 Prometheus 读取的计数。"),
    ("get", "/openapi.json"): Words(en="This list for programs.", zh="供程序读取的本列表。"),
    ("get", "/docs"): Words(en="This page.", zh="本页。"),
    ("get", "/v2"): Words(en="Open Inference Protocol: the server.", zh="开放推理协议：服务器。"),
    ("get", "/v2/health/live"): Words(en="The same: whether it runs.", zh="同上：是否在运行。"),
    ("get", "/v2/health/ready"): Words(en="The same: whether it answers.", zh="同上：是否可以回答。"),
}
# What the protocol calls a model: by its name alone, or with the version that its metadata names.
MODELS: Final = ("/v2/models/{name}", "/v2/models/{name}/versions/1")
OF_MODEL: Final[dict[tuple[str, str], Words]] = {
    ("get", ""): Words(en="The same: the model's tensors.", zh="同上：模型的张量。"),
    ("get", "/ready"): Words(en="The same: whether the model answers.", zh="同上：模型是否可以回答。"),
    ("post", "/infer"): Words(
        en="The same: pixels uint8 [N, H, W, 3] in, as JSON or as bytes behind it; answers out, as JSON.",
        zh="同上：输入像素 uint8 [N, H, W, 3]，用 JSON 或放在其后的字节；输出 JSON 格式的回答。",
    ),
}
ADDRESSES: Final = PLAIN | {
    (method, f"{model}{rest}"): words for model in MODELS for (method, rest), words in OF_MODEL.items()
}
BODIES: Final[dict[str, Any]] = {
    "/predict": PICTURE,
    "/explain": PICTURE,
    **{f"{model}/infer": TENSORS for model in MODELS},
}
STYLE: Final = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}td{padding:.3rem 1rem .3rem 0;vertical-align:top}code{white-space:nowrap}@media(max-width:40rem){td{display:block;padding:0}td+td{padding-bottom:1rem}code{white-space:normal;overflow-wrap:anywhere}}"  # fmt: skip  # noqa: E501


def description() -> dict[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, Any] = {}
    for (method, path), words in ADDRESSES.items():
        told: dict[str, Any] = {"summary": words.en, "description": words.zh, "responses": _responses()}
        if path in BODIES and method == "post":
            told["requestBody"] = {"required": True, "content": BODIES[path]}
        if "{name}" in path:
            told["parameters"] = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
        paths.setdefault(path, {})[method] = told
    return {
        "openapi": "3.1.0",
        "info": {"title": "tellapart", "version": tellapart.__version__},
        "paths": paths,
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _responses() -> dict[str, Any]:
    statuses: dict[int, list[str]] = {}
    for status, sentence in REFUSALS.values():
        statuses.setdefault(status, []).append(sentence)
    told = {str(status): {"description": " ".join(sentences)} for status, sentences in sorted(statuses.items())}
    return {"200": {"description": "Done."}, **told}


def page() -> str:
    """The page for people."""
    rows = "".join(
        f"<tr><td><code>{method.upper()} {html.escape(path)}</code></td>"
        f'<td>{html.escape(words.en)}<br><span lang="zh">{html.escape(words.zh)}</span></td></tr>'
        for (method, path), words in ADDRESSES.items()
    )
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head = f"{meta}<title>tellapart</title><style>{STYLE}</style>"
    return (
        f'<!doctype html><html lang="en"><head>{head}</head><body><h1>tellapart</h1><table>{rows}</table></body></html>'
    )
