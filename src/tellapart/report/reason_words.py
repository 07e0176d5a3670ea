"""Why a file was converted or skipped, or a page lacks something, in Chinese: runs say it in English, in clauses.

What no pattern knows stands as the ledger has it. Names and numbers go from one language into the other as they are.
"""

from __future__ import annotations

import re
from typing import Final

from tellapart.report.language import Words
from tellapart.report.wording import value_text

BETWEEN: Final = "; "  # clauses of a reason
# Pattern of a clause, and the Chinese with the groups of the pattern as {0}, {1}.
CLAUSES: Final = tuple(
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        # what was converted
        (r"turned upright \(EXIF orientation (\d)\)", "已转正（EXIF 方向 {0}）"),
        (r"first frame of several", "取多帧中的第一帧"),
        (r"main picture of several", "取多张中的主图"),
        (r"(\d+) bit scaled to 8", "{0} 位已缩放到 8 位"),
        (r"scaled by its own minimum and maximum", "按自身的最小值和最大值缩放"),
        (r"transparency laid on white", "透明部分置于白色之上"),
        (r"(\S+) converted to RGB", "{0} 已转换为 RGB"),
        (r"brighter than the white of (\d+)", "亮度超过白点 {0}"),
        (r"damaged JPEG data stepped over", "跳过了损坏的 JPEG 数据"),
        (r"end marker added", "补上了结束标记"),
        (r"damaged text left out", "略去了损坏的文字"),
        (r"page (\d+), of which the first is a preview", "取第 {0} 页，第一页是它的预览"),
        (r"box clipped to the picture", "框已裁剪到图片范围内"),
        # files that were passed over
        (r"hidden file", "隐藏文件"),
        (r"hidden folder", "隐藏文件夹"),
        (r"folder of the operating system", "操作系统的文件夹"),
        (r"not in a class folder", "不在类别文件夹中"),
        (r"outside the folders that are read", "在所读取的文件夹之外"),
        (r"in no list of the set", "不在该数据集的任何列表中"),
        (r"in none of (.+)", "不在 {0} 的任何一个中"),
        (r"no picture in it", "其中没有图片"),
        (r"not a picture", "不是图片"),
        (r"not a regular file", "不是普通文件"),
        (r"the same folder as (.+)", "与 {0} 是同一文件夹"),
        (r"the same file as (.+)", "与 {0} 是同一文件"),
        (r"the same box as (.+)", "与 {0} 是同一个框"),
        (r"cannot be opened \(.*\)", "无法打开"),
        (r"no label in (.+)", "{0} 中没有标签"),
        (r"not an IDX file that belongs to a pair", "不是成对的 IDX 文件"),
        (
            r"left out of test: (?:its like is|near-duplicate of) (.+?)(?:, or of its group)?, in train or valid",
            "不计入测试集：{0} 与其相似，且在训练集或验证集中",
        ),
        (
            r"its name is not UTF-8, and written with escapes it is another picture's: rename it",
            "文件名不是 UTF-8，转义后与另一张图片同名，请重命名",
        ),
        (r"not looked at", "未查看"),
        # pictures that cannot be read
        (r"empty file", "空文件"),
        (r"truncated", "文件不完整"),
        (r"damaged( \(.*\))?", "已损坏"),
        (r"cannot be read", "无法读取"),
        (r"not a picture in any format known here", "不是已知格式的图片"),
        (r"(.+), which is not read here", "{0}，此处不读取"),
        (r"more than ([\d,]+) pixels", "超过 {0} 像素"),
        (r"needs more memory than there is", "所需内存超过现有内存"),
        (
            r"([\d,]+) x ([\d,]+) pixels would take ([\d,]+) MB to decode, more than ([\d,]+)",
            "{0} x {1} 像素，解码需 {2} MB，超过 {3}",
        ),
        (r"([\d,]+) x ([\d,]+) pixels, a side of more than ([\d,]+)", "{0} x {1} 像素，边长超过 {2}"),
        (
            r"(\S+) of ([\d,]+) x ([\d,]+) pixels, which may take ([\d,]+) s to decode",
            "{0}，{1} x {2} 像素，解码可能需要 {3} 秒",
        ),
        (r"(\S+) of ([\d,]+) x ([\d,]+) pixels, which takes long to decode", "{0}，{1} x {2} 像素，解码耗时过长"),
        (r"camera raw, of which only a preview can be read here", "相机原始格式，此处只能读取预览"),
        (r"a kind of TIFF that cannot be read here", "此处无法读取的 TIFF 类型"),
        (
            r"TIFF with 16-bit colour in separate planes, which cannot be read here",
            "按平面存储的 16 位彩色 TIFF，此处无法读取",
        ),
        (r"TIFF with signed bytes, which cannot be read here", "带符号字节的 TIFF，此处无法读取"),
        (r"TIFF of a compression that is not read here \((.+)\)", "此处不读取的 TIFF 压缩方式（{0}）"),
        (r"TIFF with JPEG of too many scans inside", "内含扫描过多的 JPEG 的 TIFF"),
        (r"TIFF with progressive JPEG inside", "内含渐进式 JPEG 的 TIFF"),
        (r"TIFF with tiles of (\d+) x (\d+) pixels, larger than the picture", "TIFF 图块为 {0} x {1} 像素，大于图片"),
        (r"TIFF whose tags ask for more than the file has", "TIFF 标签要求的内容超出文件"),
        (
            r"(\S+|JPEG 2000) (?:with|in|of) more than ([\d,]+) (?:parts|tags|blocks|comments|segments|scans)",
            "{0} 的部分超过 {1} 个",
        ),
        (r"JPEG 2000 in more parts than pictures are divided into", "JPEG 2000 的分块过多"),
        (r"JPEG 2000 of too many segments", "JPEG 2000 的段过多"),
        (r"JPEG 2000 of ([\d,]+) tiles and ([\d,]+) components", "JPEG 2000，{0} 个图块、{1} 个分量"),
        (r"JPEG 2000 without pixels", "没有像素的 JPEG 2000"),
        (r"(GIF|JPEG) with rubbish (?:between its blocks|before its pixels)", "{0} 中夹有无关数据"),
        (r"ICNS that is damaged or has more blocks than an icon", "ICNS 已损坏，或块数多于图标"),
        (r"PNG with more beside its pixels than decoders are made for", "PNG 的附加数据过多"),
        (r"PPM whose size is not where it belongs", "PPM 的尺寸不在应有的位置"),
        (r"a picture that is made of the same parts again and again", "反复由相同部分组成的图片"),
        (r"a picture whose parts are larger than its file", "各部分大于文件的图片"),
        (r"a picture with more than ([\d,]+) MB beside its pixels", "像素之外的数据超过 {0} MB 的图片"),
        (r"a picture of more than ([\d,]+) parts", "超过 {0} 个部分的图片"),
        (r"a picture with a part of the kind (.+), which is not read here", "含有此处不读取的部分（{0}）的图片"),
        (r"more than ([\d,]+) boxes in a picture", "图片中的数据块超过 {0} 个"),
        (r"an icon that is stored in runs", "按行程存储的图标"),
        (r"an icon of (\d+) x (\d+) pixels, larger than icons are", "图标为 {0} x {1} 像素，大于一般图标"),
        (r"an empty PIL picture, (\d+) x (\d+) pixels", "空的 PIL 图片，{0} x {1} 像素"),
        (r"this PIL picture cannot be loaded \(.*\)", "无法载入这张 PIL 图片"),
        (r"HEIC, which needs an extra: (.+)", "HEIC，需要另行安装：{0}"),
        (r"no finite number in it", "其中没有有限的数值"),
        # boxes
        (
            r"the box of (.+) was drawn on a picture of (.+) pixels, this one has (.+)",
            "{0} 的框画在 {1} 像素的图片上，而此图为 {2}",
        ),
        (
            r"the box x, y, width, height (.+) is not inside the picture of (\d+) x (\d+) pixels",
            "框（x、y、宽、高 {0}）不在 {1} x {2} 像素的图片之内",
        ),
        # what to do
        (r"save it anew(, not progressive)?", "请重新保存"),
        (r"save it as PNG", "请另存为 PNG"),
        (r"save it as JPEG or PNG", "请另存为 JPEG 或 PNG"),
        (r"save it smaller", "请缩小后保存"),
        (r"save it in parts", "请分块保存"),
        (r"save it with LZW or none", "请用 LZW 或不压缩保存"),
        (r"save it with 8 or 16 bit", "请以 8 或 16 位保存"),
        # what a page lacks
        (
            r"it takes three classes, and (\d+) pictures of one to leave out",
            "至少需要三个类别，且留出的类别至少有 {0} 张图片",
        ),
        (
            r"the net itself has learned from every class",
            "网络本身已经从每个类别学习过",
        ),
        (
            r"the net itself was trained, and would have to be trained again for every point",
            "训练的是网络本身，每个点都得重新训练",
        ),
        (
            r"the head was found in closed form, and the points would be those of logistic heads",
            "分类头由闭式解得到，而曲线上的点将是逻辑回归分类头的",
        ),
        (r"some of its pictures can no longer be read", "有些图片已无法读取"),
        (
            r"([\d,]+) of the ([\d,]+) pictures? of train and valid cannot be found any more",
            "训练集和验证集的 {1} 张图片中有 {0} 张已找不到",
        ),
        (r"the run does not say where its data was", "这次运行没有记录数据的位置"),
        (r"there is far more than its data where it says that was \((.*)\)", "记录的位置（{0}）里远不止它的数据"),
        (r"the data is no longer where it was \(.*?: (.*)\)", "数据已不在原处（{0}）"),
        (r"the data is not where --data says \(.*?: (.*)\)", "数据不在 --data 所指之处（{0}）"),
        (r"none of them is where it was", "图片都已不在原处"),
        (r"they lie outside (.*)", "图片位于 {0} 之外"),
        (r"--data with that place has them read where links lead", "用 --data 指定该位置，就会按链接读取"),
        (r"--data names (it|the place|another place)", "可用 --data 指定位置"),
    )
)


def reason(text: str) -> Words:
    """A reason in both languages."""
    return Words(value_text(text), "；".join(value_text(_chinese(clause)) for clause in text.split(BETWEEN)))


def _chinese(clause: str) -> str:
    for pattern, chinese in CLAUSES:
        if found := pattern.fullmatch(clause):
            return chinese.format(*(group or "" for group in found.groups()))
    return clause
