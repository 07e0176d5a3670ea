"""The texts of audit.html in both languages, by codes that the templates ask for.

A text is changed here and nowhere else; a code that a template uses and that is missing fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tellapart.report.language import Words

AUDIT: Final[Mapping[str, Words]] = {
    "dark": Words("Dark", "深色"),
    "no_picture": Words("no picture", "无图片"),
    "paths_left_out": Words("and {more} more", "另有 {more} 张"),
    "audit_title": Words("{name}: what the data is like", "{name}：数据情况"),
    "audit_lead": Words(
        "{classes} {classes:class|classes}. {used} {used:picture|pictures} used unchanged, {converted} "
        "converted, {skipped} skipped; ledger.csv says why. Nothing was moved or changed.",
        "{classes} 个类别。{used} 张图片直接使用，{converted} 张经过转换，跳过 {skipped} 个文件；原因见"
        " ledger.csv。没有移动或修改任何文件。",
    ),
    "audit.found": Words("found", "项发现"),
    "audit.passed": Words("checked and not found", "项已检查，未发现"),
    "audit.not_applicable": Words("could not be checked", "项无法检查"),
    "sections": Words("Findings", "各项发现"),
    "more_cases": Words("Show {cases} more", "再显示 {cases} 项"),
    "checks": Words("{checks} {checks:check|checks}", "{checks} 项检查"),
    "cases_left_out": Words(
        "{shown} of {cases} {shown:is|are} on this page; the rest {rest:is|are} in {files}.",
        "本页列出 {cases} 项中的 {shown} 项，其余 {rest} 项见 {files}。",
    ),
    "audit_made": Words(
        "Made by tellapart {version} in {seconds} s, on features of the base {base}, seed {seed}.",
        "由 tellapart {version} 用时 {seconds} 秒生成，使用基础网络 {base} 的特征，随机种子 {seed}。",
    ),
    "severity.error": Words("error", "错误"),
    "severity.warning": Words("warning", "警告"),
    "severity.note": Words("note", "提示"),
    "outcome.found": Words("found", "发现"),
    "outcome.passed": Words("passed", "通过"),
    "outcome.not applicable": Words("not applicable", "不适用"),
    "heading.passed": Words("Checked and not found", "已检查，未发现"),
    "heading.not applicable": Words("Could not be checked", "无法检查"),
}
