"""The texts of report.html in both languages, by codes that the templates ask for.

A text is changed here and nowhere else; a code that a template uses and that is missing fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tellapart.report.fold_words import FOLD_PAGE
from tellapart.report.heat_words import HEAT_PAGE
from tellapart.report.language import Words
from tellapart.report.seen_words import SEEN_PAGE
from tellapart.report.training_words import TRAINING_PAGE

PAGE: Final[Mapping[str, Words]] = {
    "skip": Words("Skip to the result", "跳到结果"),
    "sections.classes": Words("Classes", "类别"),
    "sections.mistakes": Words("Mistakes", "错误"),
    "sections.trust": Words("Trust", "可信度"),
    "sections.training": Words("Training", "训练"),
    "sections.labels": Words("Labels", "标签"),
    "sections.details": Words("Details", "详情"),
    "dark": Words("Dark", "深色"),
    "written": Words(
        "Written by tellapart {version} from metrics.json and the files beside it. This page loads nothing "
        "from elsewhere.",
        "由 tellapart {version} 根据 metrics.json 及同目录文件生成。本页不从任何地方加载内容。",
    ),
    "sideways": Words("More columns to the right: scroll the table →", "右边还有列：横向滚动表格 →"),
    "below": Words("More rows below: scroll the table ↓", "下面还有行：向下滚动表格 ↓"),
    "charts": Words(
        "Charts: Chart.js, MIT licence; its text is in the source of this page.",
        "图表：Chart.js，MIT 许可证，许可证全文见本页源代码。",
    ),
    "heat_maps": Words("Heat maps", "热力图"),
    "no_picture": Words("no picture", "无图片"),
    "taken_for": Words("predicted as", "被判为"),
    "unlike": Words("unlike the training pictures", "与训练图片不相像"),
    "unsure": Words("the model says it is unsure", "模型表示没有把握"),
    "no_pictures": Words("The pictures are not shown: {why}.", "未显示图片：{why}。"),
    "lead": Words(
        "A classifier for {classes} {classes:class|classes}, trained on {pictures} {pictures:picture|pictures}.",
        "{classes} 个类别的分类器，用 {pictures} 张图片训练。",
    ),
    "lead_splits": Words(
        "{valid} others (valid) were kept back to choose and calibrate by, {test} more (test) to tell how good it is.",
        "另有 {valid} 张（验证集）留作选择和校准，{test} 张（测试集）用来检验它有多准。",
    ),
    "made_with": Words(
        "Recipe {recipe} on the base {base}, which sees {size} pixels.",
        "方案 {recipe}，基础网络 {base}，输入 {size} 像素。",
    ),
    "made_from_nothing": Words(
        "Recipe {recipe}: the net {base}, which sees {size} pixels.",
        "方案 {recipe}，网络 {base}，输入 {size} 像素。",
    ),
    "test_accuracy": Words("Test accuracy", "测试准确率"),
    "missing_classes": Words(
        "It is without the classes that have no test picture: {names}{more}.", "不含没有测试图片的类别：{names}{more}。"
    ),
    "balanced": Words(
        "Mean recall of the classes (balanced accuracy): {balanced}.", "各类召回率的平均（均衡准确率）：{balanced}。"
    ),
    "balanced_title": Words("Balanced test accuracy", "均衡测试准确率"),
    "balanced_interval": Words(
        "Each class counts alike, because some have many more pictures than others; between {low} and {high} with "
        "95 % confidence.",
        "各类别图片数相差悬殊，因此每个类别权重相同；95 % 置信区间为 {low} 到 {high}。",
    ),
    "lost": Words(
        "{name}: up to {missed} of its pictures may be missed, with 95 % confidence ({learned} to learn from, {shown} "
        "held out to show it).",
        "{name}：以 95 % 的置信度，其图片中可能有多达 {missed} 被漏掉（用于学习的 {learned} 张，未参与训练、可作证明的 "
        "{shown} 张）。",
    ),
    "lost_never": Words("Every answer that names it is marked unsure.", "判为该类的回答一律标为没有把握。"),
    "lost_more": Words("The same is true of {more} other {more:class|classes}.", "另有 {more} 个类别也是如此。"),
    "costs": Words("What answers cost", "回答的代价"),
    "costs_note": Words(
        "The class of least expected cost is answered. On the test pictures a picture costs {mean}, between {low} and "
        "{high} with 95 % confidence; had the likeliest class always been answered, it would cost {likeliest}.",
        "给出的回答是预期代价最小的类别。在测试图片上，每张图片的代价为 {mean}，95 % 置信区间为 {low} 到 {high}；"
        "若总是回答可能性最大的类别，代价为 {likeliest}。",
    ),
    "costs_handed": Words(
        "Handed to a person where that costs less: {handed} of {pictures} {pictures:picture|pictures}.",
        "交给人代价更小时就交给人：{pictures} 张图片中有 {handed} 张。",
    ),
    "recalls": Words("The recall that was asked for", "所要求的召回率"),
    "recalls_kept": Words(
        "{name}: {asked} was asked for, and {pictures} valid {pictures:picture shows|pictures show} {shown} or more "
        "with 95 % confidence. On the test pictures the recall is {recall}, and {precision} of the answers that name "
        "it are correct.",
        "{name}：要求 {asked}，{pictures} 张验证图片以 95 % 的置信度表明召回率不低于 {shown}。"
        "在测试图片上召回率为 {recall}，判为该类的回答中有 {precision} 正确。",
    ),
    "recalls_short": Words(
        "{name}: {asked} was asked for, and {pictures} valid {pictures:picture|pictures} cannot show it (it takes "
        "{needed} or more, and few missed); shown is {shown} or more. On the test pictures the recall is {recall}, and "
        "{precision} of the answers that name it are correct.",
        "{name}：要求 {asked}，但 {pictures} 张验证图片无法证明（至少需要 {needed} 张，且漏判要少）；"
        "能证明的是不低于 {shown}。"
        "在测试图片上召回率为 {recall}，判为该类的回答中有 {precision} 正确。",
    ),
    "chart.costs": Words(
        "Curve: cost of a picture against the confidence below which it is handed to a person",
        "曲线：每张图片的代价随交给人处理的把握阈值的变化",
    ),
    "chart.recalls": Words(
        "Curve: precision against recall of the class, with the point that was chosen",
        "曲线：该类别的精确率随召回率的变化，带所选的工作点",
    ),
    "promises": Words("What is promised of each class", "对各类别的承诺"),
    "promises_note": Words(
        "Each promise holds with 95 % confidence by itself, for pictures like those of the valid split; of twenty such "
        "promises one may be false. Groups count as one picture.",
        "每项承诺各自以 95 % 的置信度成立，适用于与验证集相似的图片；二十项中可能有一项不成立。同组图片只算一张。",
    ),
    "promises_learned": Words("Training pictures", "训练图片"),
    "promises_threshold": Words("Answered from", "给出回答的最低把握"),
    "promises_error": Words("Answers that name it: misclassified at most", "判为该类的回答：误判至多"),
    "promises_missed": Words("Its pictures: missed at most", "该类的图片：漏判至多"),
    "promises_never": Words("never", "从不"),
    "promises_none": Words("no promise", "无法承诺"),
    "promises_common": Words("none of its own", "没有单独的承诺"),
    "baseline": Words(
        "Always answering {name} would be correct for {share}.", "一律回答 {name} 也能在 {share} 的图片上答对。"
    ),
    "baseline_balanced": Words("That has a balanced accuracy of {balanced}.", "这样的均衡准确率为 {balanced}。"),
    "guessing": Words(
        "This result cannot be told from always answering {name}.", "这一结果与一律回答 {name} 没有可以分辨的差别。"
    ),
    "worse": Words(
        "This result is correct less often than always answering {name}.", "这一结果答对的图片比一律回答 {name} 还少。"
    ),
    "none_wrong": Words("None of them was misclassified.", "没有一张误判。"),
    "reliable": Words("Answers you can rely on", "可采信的回答"),
    "reliable_note": Words(
        "of the test pictures get an answer you can rely on; for the rest the model says it is unsure. "
        "Misclassified among those answers: {error} ({wrong} of {answered}).",
        "的测试图片得到可采信的回答，其余表示没有把握。这些回答中误判 {error}（{answered} 个中 {wrong} 个）。",
    ),
    "sure": Words("Answers not marked unsure", "未标为没有把握的回答"),
    "sure_note": Words(
        "of the test pictures get an answer that is not marked unsure. "
        "Misclassified among those answers: {error} ({wrong} of {answered}).",
        "的测试图片得到未标为没有把握的回答。这些回答中误判 {error}（{answered} 个中 {wrong} 个）。",
    ),
    "reliable_none": Words(
        "of the test pictures get an answer you can rely on: the model is unsure of every one of them, so nothing can "
        "be promised.",
        "的测试图片得到可采信的回答：模型对每一张都没有把握，因此无法作出任何承诺。",
    ),
    "choose_threshold": Words("Choose how confident it must be", "选择需要多大把握"),
    "hardest": Words("Hardest class", "最难的类别"),
    "hardest_note": Words(
        "{share} of its {pictures} {pictures:test picture was|test pictures were} classified correctly, "
        "between {low} and {high}.",
        "其 {pictures} 张测试图片中判断正确的占 {share}，区间 {low} 到 {high}。",
    ),
    "mostly": Words("The others were most often predicted as {called}.", "其余最常被判为 {called}。"),
    "mostly_all": Words(
        "{others:The other was|The others were} predicted as {called}.", "其余 {others} 张被判为 {called}。"
    ),
    "none_hardest": Words("none", "无"),
    "all_right": Words(
        "Every test picture was classified correctly. More test pictures would show how rare a mistake is.",
        "所有测试图片都判断正确。测试图片更多，才能说明错误有多罕见。",
    ),
    "findings": Words("What to know about these pictures", "关于这些图片的要点"),
    "advice": Words("What would help most", "怎样改进最有效"),
    "classes": Words("Each class", "各个类别"),
    "classes_note": Words(
        "Recall: how many pictures of a class were recognised. Precision: how many pictures predicted as a "
        "class belong to it. F1: both in one. The thin line is the 95 % interval.",
        "召回率：一个类别的图片中判断正确的比例。精确率：被判为该类别的图片中确实属于它的比例。F1：两者合一。"
        "细线为 95 % 置信区间。",
    ),
    "measure": Words("Measure", "指标"),
    "classes_table": Words(
        "Recall, precision and F1 of each class, in percent with their intervals",
        "各类别的召回率、精确率和 F1，百分比及区间",
    ),
    "class": Words("Class", "类别"),
    "pictures": Words("Pictures", "图片"),
    "recall": Words("Recall", "召回率"),
    "precision": Words("Precision", "精确率"),
    "confusion": Words("Which class is mistaken for which", "哪些类别被混淆"),
    "confusion_note": Words(
        "A row is the true class, a column the predicted class. The deeper the tint, the larger the share of "
        "the row; framed cells are correct. Press a number to see its pictures.",
        "行是真实类别，列是预测类别。颜色越深，占该行的比例越大；带框的格子是正确的。点击数字可查看对应图片。",
    ),
    "confusion_table": Words("Confusion matrix of the pictures tested", "所测图片的混淆矩阵"),
    "confusion_corner": Words("true ↓ predicted →", "真实 ↓ 预测 →"),
    "confusion_too_large": Words(
        "With {classes} classes the confusion matrix is too large for a page; metrics.json has it.",
        "共有 {classes} 个类别，混淆矩阵对网页来说太大；见 metrics.json。",
    ),
    "costliest": Words("The costliest mistakes", "代价最大的错误"),
    "costliest_note": Words(
        "First those in which the true class got the smallest probability. Where heat maps were made, warm parts spoke "
        "for the prediction and cold parts against it.",
        "真实类别所得概率最小的错误排在最前。若有热力图，暖色部分支持模型的回答，冷色部分反对它。",
    ),
    "mistakes_left_out": Words(
        "{mistakes} {mistakes:further mistake is|further mistakes are} not shown; predictions.csv has all.",
        "另有 {mistakes} 个错误未显示，见 predictions.csv。",
    ),
    "more_in_matrix": Words("The others open from the matrix.", "其余可从矩阵中打开。"),
    "frequent": Words("The most frequent mistakes", "最常见的错误"),
    "true_class": Words("True class", "真实类别"),
    "predicted": Words("Predicted class", "预测类别"),
    "share_of_class": Words("Share of the class", "占该类别的比例"),
    "trust": Words("How far to trust an answer", "一个回答有多可信"),
    "threshold": Words("Answer only when at least this confident", "只有至少这么确信时才回答"),
    "picked_here": Words(
        "A threshold that is picked here carries no guarantee: it is picked by what these very pictures show, and on "
        "new ones it is often worse.",
        "在此处挑选的阈值不带任何保证：它正是根据这些图片挑出来的，用在新图片上往往更差。",
    ),
    "own_threshold": Words("The model's own was chosen on other pictures.", "模型自己的阈值是用另外的图片选定的。"),
    "answered": Words("answered", "得到回答"),
    "wrong_answers": Words("misclassified among them", "其中误判"),
    "left_to_you": Words("left to you", "留给您判断"),
    "calibration": Words("Is “90 % confident” right nine times in ten?", "“90 % 确信”十次中能对九次吗？"),
    "calibration_note": Words(
        "On the dashed line the model is exactly as confident as it should be; below it, overconfident. "
        "Lines are 95 % intervals, and larger points hold more pictures; faint ones hold one or two, and say little.",
        "虚线上的点表示把握恰如其分；线下表示过于自信。竖线为 95 % 置信区间，点越大图片越多；"
        "颜色浅的只有一两张，说明不了什么。",
    ),
    "calibration_error": Words(
        "The calibration error is {ece}; chance alone gives up to {high} to a perfectly calibrated model.",
        "校准误差为 {ece}；即使模型的把握恰如其分，偶然性也可造成至多 {high} 的误差。",
    ),
    "calibration_certain": Words(
        "Every answer was fully confident, so the chart has one point, and a perfectly calibrated model would have "
        "been right every time: the calibration error is {ece}.",
        "每个回答都是十足的把握，所以图上只有一个点；把握恰如其分的模型应当每次都对：校准误差为 {ece}。",
    ),
    "parity": Words(
        "The model file itself was asked about {pictures} {pictures:test picture|test pictures}: {labels} with another "
        "label, {marks} with another mark, and no probability further off than {largest}.",
        "对模型文件本身用 {pictures} 张测试图片做了核对："
        "标签不同的 {labels} 张，标记不同的 {marks} 张，概率相差不超过 {largest}。",
    ),
    "measures": Words(
        "The whole split in one number each, with 95 % intervals where known",
        "整个数据集的各项指标，已知时附 95 % 置信区间",
    ),
    "test": Words("Test", "测试"),
    "valid": Words("Valid", "验证"),
    "unknown_kinds": Words(
        (
            "If a kind of picture appears that it has never seen, about {marked} of them are marked as unlike the "
            "training pictures; with each class left out in turn, {low} to {high}."
        ),
        "如果出现从未见过的一类图片，其中约 {marked} 会被标为与训练图片不相像；逐一去掉一个类别测得 {low} 至 {high}。",
    ),
    "unknown_kinds_reason": Words(
        "How many pictures of a kind it has never seen would be marked cannot be measured: {why}.",
        "无法测量从未见过的一类图片会有多少被标出：{why}。",
    ),
    "test_note": Words(
        "Settings may have been chosen on the valid split, so trust the test split. Probabilities were "
        "scaled with temperature {temperature}, fitted on valid.",
        "某些设置可能是在验证集上选择的，因此请以测试集为准。概率用温度 {temperature} 缩放，在验证集上拟合。",
    ),
    "training": Words("How it was trained", "训练过程"),
    "learning": Words("Would more pictures help?", "更多图片有帮助吗？"),
    "learning_note": Words(
        "Accuracy on pictures that were not trained on (valid, or those of each fold) against the number of training "
        "pictures; the band is the spread over several draws. Press a class below to add its recall.",
        "未参与训练的图片（验证集，或各折的图片）上的准确率随训练图片数量的变化；色带为多次抽样的波动范围。"
        "点击下方的类别可加上它的召回率。",
    ),
    "no_analysis": Words("No learning curve and no suspect labels: {why}.", "没有学习曲线和可疑标签：{why}。"),
    "analysis_later": Words(
        "The learning curve, suspect labels and heat maps take longer; the command tellapart report makes them.",
        "学习曲线、可疑标签和热力图耗时较长，可用命令 tellapart report 生成。",
    ),
    "heat_maps_later": Words(
        "Heat maps take longer; the command tellapart report makes them.",
        "热力图耗时较长，可用命令 tellapart report 生成。",
    ),
    "history": Words("What was tried", "尝试过的设置"),
    "settings_note": Words(
        "Each dot is a setting, in no order of time; touch it to see which.",
        "每个点是一组设置，不分先后；点触可看是哪一组。",
    ),
    "chosen_note": Words("A ring marks what was chosen.", "圆环标出被选中的。"),
    "chosen": Words("What was chosen", "最终选择"),
    "resources": Words("Time and memory", "时间与内存"),
    "suspects": Words("Labels worth a second look", "值得复查的标签"),
    "suspects_checked": Words(
        "Of {all} training pictures {checked}, drawn by the seed, were checked; the command tellapart audit "
        "checks all.",
        "在 {all} 张训练图片中，检查了按种子抽取的 {checked} 张；命令 tellapart audit 检查全部。",
    ),
    "suspects_note": Words(
        "{suspects} {suspects:training picture looks|training pictures look} like another class to a model "
        "that never saw {suspects:it|them}. The label may be wrong, or the picture hard to classify.",
        "有 {suspects} 张训练图片在从未见过它们的模型看来属于另一类别。可能是标签有误，也可能是图片本身难以判断。",
    ),
    "suspects_csv": Words("Download the list (CSV)", "下载列表（CSV）"),
    "suspects_shown": Words(
        "The {shown} most suspect are shown; the list has all.",
        "显示最可疑的 {shown} 张；列表中有全部。",
    ),
    "labelled": Words("labelled", "标签"),
    "looks_like": Words("looks like", "看起来像"),
    "no_suspects": Words(
        "None of the training pictures that were checked is contradicted surely enough to say that its label is "
        "probably wrong. The mistakes on this page are answers that were wrong; a label among them may still be, so "
        "look at the costliest.",
        "没有：检查过的训练图片中，没有一张被否定得足够肯定、可以说其标签很可能有误。本页所列的错误是答错的图片；"
        "其中仍可能有标签错误，请看代价最大的几张。",
    ),
    "files": Words("What happened to every file", "每个文件的去向"),
    "files_table": Words(
        "What was converted or skipped, and why; ledger.csv names each file",
        "转换或跳过的文件及原因；ledger.csv 列出每个文件",
    ),
    "status": Words("Status", "状态"),
    "reason": Words("Reason", "原因"),
    "file_count": Words("Files", "文件"),
    "again": Words("Reproduce it", "重现"),
    "again_note": Words(
        "The same pictures and settings, seed {seed} and the versions below give the same model. Another CPU "
        "may round differently and move a probability in its last digits.",
        "相同的图片和设置、随机种子 {seed} 以及下列版本会得到相同的模型。不同的 CPU 舍入可能不同，概率的末几"
        "位会有变化。",
    ),
    "surroundings": Words("Versions, machine, base and data", "版本、机器、基础网络与数据"),
    "versions": Words("Versions", "版本"),
    "machine": Words("Machine", "机器"),
    "base_and_data": Words("Base and data", "基础网络与数据"),
    "base": Words("Base", "基础网络"),
    "input": Words("Input", "输入"),
    "precision_of_numbers": Words("Precision", "精度"),
    "digest": Words("Digest", "摘要"),
    "layout": Words("Layout of the data", "数据布局"),
    "seed": Words("Seed", "随机种子"),
    "page_title": Words("{name}: test result", "{name}：测试结果"),
    "sections": Words("Sections", "章节"),
    "close": Words("Close", "关闭"),
    "f1": Words("F1", "F1"),
    "files.used": Words("used as they are", "直接使用"),
    "files.converted": Words("converted", "转换后使用"),
    "files.skipped": Words("skipped", "跳过"),
    "files.train": Words("in train", "训练集"),
    "files.valid": Words("in valid", "验证集"),
    "files.test": Words("in test", "测试集"),
    "chart.classes": Words(
        "Bars: the chosen measure of each class with its 95 % interval; the table below has the numbers",
        "条形图：各类别所选指标及其 95 % 置信区间；数字见下表",
    ),
    "chart.thresholds": Words(
        "Curve: share misclassified against the share of pictures answered; the dot is the slider",
        "曲线：误判比例随回答比例的变化；圆点为滑块位置",
    ),
    "chart.reliability": Words(
        "Points: share of correct answers against stated confidence, with intervals",
        "散点：实际正确比例与模型把握的关系，带区间",
    ),
    "chart.learning": Words(
        "Curve: accuracy on pictures not trained on against the number of training pictures, with its spread",
        "曲线：未参与训练的图片上的准确率随训练图片数量的变化，带波动范围",
    ),
    "chart.losses": Words(
        "Curves of the losses at each step, from history.jsonl",
        "每一步的损失曲线，来自 history.jsonl",
    ),
    "chart.shares": Words(
        "Curves of the accuracies at each step, from history.jsonl",
        "每一步的准确率曲线，来自 history.jsonl",
    ),
    **FOLD_PAGE,
    **HEAT_PAGE,
    **SEEN_PAGE,
    **TRAINING_PAGE,
}
