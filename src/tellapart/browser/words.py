"""The texts of the page that answers, in both languages: those in its template, and those that its scripts put in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tellapart.report.language import Words

ANSWERING: Final[Mapping[str, Words]] = {
    "skip": Words("Skip to the pictures", "跳到图片"),
    "title": Words("Which class is it?", "这是哪一类？"),
    "dark": Words("Dark", "深色"),
    "no_script": Words(
        "This page needs JavaScript, which is switched off here.", "本页需要 JavaScript，而此处已将其关闭。"
    ),
    "classes": Words("It tells apart:", "可分辨的类别："),
    "drop": Words("Drop pictures here", "把图片拖到这里"),
    "paste": Words("or paste one, choose files, take a photo", "也可以粘贴、选择文件或拍照"),
    "choose": Words("Choose pictures", "选择图片"),
    "camera": Words("Camera", "相机"),
    "shoot": Words("Take the picture", "拍摄"),
    "stop": Words("Close the camera", "关闭相机"),
    "viewfinder": Words("What the camera sees", "相机画面"),
    "stays": Words(
        "The model is in this page. Pictures stay on this device, and nothing is loaded from anywhere.",
        "模型就在本页之中。图片不会离开本设备，本页也不从任何地方加载内容。",
    ),
    "sent": Words(
        "Pictures are sent to the server that this page came from, and to nobody else.",
        "图片只发送到提供本页的服务器，不会发送到其他地方。",
    ),
    "key": Words("The server asks for its key", "服务器要求提供密钥"),
    "key_wrong": Words("That was not its key.", "刚才的密钥不对。"),
    "key_use": Words("Use it", "使用"),
    "answers": Words("Answers", "回答"),
    "heat": Words("Show what decided", "显示判断依据"),
    "clear": Words("Remove all", "全部移除"),
    "tests": Words("Does it answer here as it was tested?", "在这里的回答是否与测试时一致？"),
    "tests_note": Words(
        "The model brings these test pictures and knows what it answered about them where it was made.",
        "模型自带这些测试图片，并记有它在制作之处对它们的回答。",
    ),
    "made": Words(
        "Written by tellapart {version}. It runs in ONNX Runtime Web, MIT licence; "
        "its text is in the source of this page.",
        "由 tellapart {version} 生成，在 ONNX Runtime Web 中运行，后者采用 MIT 许可证，许可证全文见本页源代码。",
    ),
    "served": Words("Answered by tellapart {version}.", "由 tellapart {version} 回答。"),
    "programs": Words("For programs:", "供程序使用："),
}
SPOKEN: Final[Mapping[str, Words]] = {
    "title": Words("{name}: which class is it?", "{name}：这是哪一类？"),
    "loading": Words("Loading the model …", "正在加载模型……"),
    "testing": Words("Trying the test pictures …", "正在试答测试图片……"),
    "looking": Words("Looking at {name} …", "正在查看 {name}……"),
    "ready": Words("Ready.", "已就绪。"),
    "said": Words("{name}: {called}, {share}", "{name}：判为 {called}，{share}"),
    "unreadable": Words("{name} cannot be read as a picture here.", "{name} 在这里无法作为图片读取。"),
    "failed": Words("{name} could not be answered: {reason}", "无法对 {name} 作出回答：{reason}"),
    "no_picture": Words("There was no picture in that.", "其中没有图片。"),
    "too_many": Words(
        "At most {most} pictures at a time: {left} left out.", "一次最多 {most} 张图片：略去 {left} 张。"
    ),
    "no_camera": Words("The camera cannot be used: {reason}", "无法使用相机：{reason}"),
    "cannot_load": Words("The model cannot be run in this browser: {reason}", "此浏览器无法运行模型：{reason}"),
    "too_old": Words("it lacks {what}; a newer one has it", "缺少 {what}，请使用较新的浏览器"),
    "unreachable": Words("The server does not answer.", "服务器没有回应。"),
    "photo": Words("photo {n}", "照片 {n}"),
    "pasted": Words("pasted picture", "粘贴的图片"),
    "picture": Words("{name}, answered as {called}", "{name}，回答为 {called}"),
    "all_classes": Words(
        "Probability of each class; choose one to see what speaks for it", "各类别的概率；选择一类查看其依据"
    ),
    "more_classes": Words("{n} more {n:class|classes}, less likely", "另有 {n} 个可能性更低的类别"),
    "remove": Words("Remove {name}", "移除 {name}"),
    "sure": Words("The model is sure enough.", "模型有足够的把握。"),
    "weak": Words(
        "Not marked unsure; yet of such answers up to {error} may be wrong. A person should look.",
        "没有标为“没有把握”，但这类回答中错误可能多达 {error}，请由人来判断。",
    ),
    "no_promise": Words(
        "The model promises nothing of its answers. A person should look.",
        "模型不对它的回答作任何承诺，请由人来判断。",
    ),
    "unsure": Words(
        "Unsure: the model does not promise that this is right. A person should look.",
        "没有把握：模型不保证这个回答正确，请由人来判断。",
    ),
    "unlike": Words(
        "Unlike anything the model was trained on: do not rely on this answer.",
        "与训练图片不相像：请勿依赖这个回答。",
    ),
    "by_costs": Words(
        "Another class is likelier; this one is answered because mistakes cost less that way.",
        "另一类的可能性更高；之所以回答这一类，是因为这样出错的代价更低。",
    ),
    "heat.exact": Words(
        "Orange speaks for {called}, blue against it, grey for neither. It adds up to the score exactly.",
        "橙色支持 {called}，蓝色反对，灰色两者皆非。各处之和恰好等于得分。",
    ),
    "heat.occlusion": Words(
        "Orange: covering this loses {called} some of its score. Blue: covering this adds to it.",
        "橙色：遮住此处会使 {called} 的得分降低；蓝色：遮住此处会使其升高。",
    ),
    "heat.limit": Words("±{limit} points of the score", "得分 ±{limit} 分"),
    "heat.none": Words(
        "This kind of net has no exact heat map; the command explain makes another kind.",
        "这种网络没有精确的热力图；命令行的解释功能可以生成另一种。",
    ),
    "heat.waiting": Words("Working out what decided …", "正在计算判断依据……"),
    "test.waiting": Words("not tried yet", "尚未试答"),
    "test.expected": Words("must be: {called}, {share}", "应为：{called}，{share}"),
    "test.given": Words("is here: {called}, {share}", "在此：{called}，{share}"),
    "test.same": Words("the same", "一致"),
    "test.label": Words("another answer", "回答不同"),
    "test.features": Words("it sees something else: {off} off", "看到的内容不同：相差 {off}"),
    "test.probabilities": Words("another probability: {off} off", "概率不同：相差 {off}"),
    "test.marks": Words("another mark of unsure or unlike", "“没有把握”或“不相像”的标记不同"),
    "test.failed": Words("it could not be answered", "无法作出回答"),
    "tests.same": Words(
        "Yes: all {n} test {n:picture is|pictures are} answered as where the model was made.",
        "是：{n} 张测试图片的回答均与模型制作之处一致。",
    ),
    "tests.differ": Words(
        "No: {n} of {total} test pictures {n:is|are} answered otherwise. Do not rely on the answers of this page.",
        "否：{total} 张测试图片中有 {n} 张的回答不同。请勿依赖本页的回答。",
    ),
    "tests.waiting": Words("Being tried …", "正在试答……"),
    # By the codes of the server's refusals.
    "refused.malformed": Words("the server cannot read the request", "服务器无法读取请求"),
    "refused.no_picture": Words("the file is empty", "文件是空的"),
    "refused.no_key": Words("the server asks for its key", "服务器要求提供密钥"),
    "refused.not_found": Words("this server has no such address", "该服务器没有这个地址"),
    "refused.wrong_method": Words("the server is not asked in that way", "服务器不接受这种请求方式"),
    "refused.slow_body": Words("the picture took too long to arrive", "图片传送时间过长"),
    "refused.too_many_bytes": Words("the file is too large", "文件太大"),
    "refused.too_many_pictures": Words("there are too many pictures at once", "一次发送的图片太多"),
    "refused.unreadable": Words("it cannot be read as a picture", "无法作为图片读取"),
    "refused.too_many_pixels": Words("it has too many pixels", "像素太多"),
    "refused.unknown_class": Words("the model does not know this class", "模型不认识这个类别"),
    "refused.too_many_requests": Words("the server is busy, try again soon", "服务器繁忙，请稍后再试"),
    "refused.own_fault": Words("a fault of the server", "服务器出错"),
    "refused.queue_full": Words("the server is busy, try again soon", "服务器繁忙，请稍后再试"),
    "refused.stopping": Words("the server is stopping", "服务器正在停止"),
    "refused.too_slow": Words("the answer took too long", "回答用时过长"),
}
