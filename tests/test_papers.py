"""Published numbers as data: whole, consistent with themselves, and buildable."""

from collections import Counter

import numpy as np
import pytest
import torch

from fer_utils import models, papers
from fer_utils.data import relabel
from fer_utils.data.catalog import CARDS
from fer_utils.emotions import FER7, FERPLUS_VOTES
from fer_utils.errors import FerError
from fer_utils.papers import alessi2019, borgalli2022, forensics
from fer_utils.papers.record import printed
from fer_utils.train.recipes import RECIPES

WITH_NET = [one for one in papers.CLAIMS if one.experiment]
NETS = list({str(one.experiment): one for one in reversed(WITH_NET)}.values())

# rows per table, counted in the papers; the last row of minaee2019's Table I and the precisions of
# alessi2019 are read in two ways
ROWS = {
    "pandey2019": {"I": 6, "II": 4, "IV": 5, "text": 1},
    "alessi2019": {"text": 6 + 6 + 2 + 1},
    "minaee2019": {"I": 5 + 1, "II": 4, "III": 4, "IV": 9},
    "mazen2021": {"I": 6, "II": 4, "Fig. 17": 7, "text": 1 + 5 + 2 + 1},
    "borgalli2022": {
        "1": 5,
        "text": 1,
        "Fig. 11": 3 * 7 + 1 + 6,
        "Fig. 12": 3 * 8 + 1 + 6,
        "Fig. 13": 3 * 7 + 1 + 6,
        "Fig. 14": 3 * 7 + 1 + 6,
        "Fig. 15": 3 * 6 + 1 + 6,
    },
    "anchors": {"people": 1, "packages": 4, "literature": 3},
}


def test_every_row_of_every_table_is_there_once():
    for paper, tables in ROWS.items():
        assert Counter(one.table for one in papers.claims(paper)) == tables
    assert len(papers.CLAIMS) == sum(sum(tables.values()) for tables in ROWS.values())
    keys = [one.key.lower() for one in papers.CLAIMS]
    assert len(set(keys)) == len(keys)
    assert all(one.row.count(":") == one.table.count(":") == 0 for one in papers.CLAIMS)


@pytest.mark.parametrize("row", papers.CLAIMS, ids=lambda one: one.key)
def test_a_row_is_complete(row):
    assert row.dataset in CARDS or (row.dataset == "live video" and row.comparable)
    assert row.protocol and row.metric
    assert row.experiment or row.comparable, "neither a network nor why there is none"
    assert row.recipe in {"", *RECIPES}
    assert row.label_rule in {"", *relabel.RULES}
    assert row.unit in {"%", "points", "frames/s", "s", ""}
    assert row.low is None or row.low <= row.value <= row.high
    assert row.unit != "" or 0 <= row.value <= 1
    if row.experiment and not row.comparable and row.paper != "anchors":
        assert row.paper in CARDS[row.dataset].papers
    if row.dataset == "ferplus" and row.experiment:
        assert row.label_rule, "FERPlus needs a rule"
    if row.metric == "accuracy" and row.unit == "%":
        assert 20 < row.value < 100


@pytest.mark.parametrize("row", NETS, ids=lambda one: one.key)
def test_every_experiment_builds(row):
    with torch.device("meta"):
        net = models.from_claim(row.key)
    assert len(net.classes) == row.experiment["num_classes"]


def test_a_row_without_a_network_says_so():
    with pytest.raises(FerError, match="another group's method"):
        models.from_claim("minaee2019:I:Bag of Words")


@pytest.mark.parametrize("text", ["83.16", "83.3", "97", "84.986", "30.30", "0.44", "98.0"])
def test_numbers_come_out_as_they_were_printed(text):
    row = papers.Claim("p", "1", "r", "kdef", "", "accuracy", **printed(text))
    assert row.printed == text


def test_printed_digits_are_kept():
    assert papers.claim("pandey2019:IV:base + Sobel (input concatenated)").printed == "83.3"
    assert papers.claim("pandey2019:I:STL with RTNN + Gradient RTNN").printed == "85.10"
    assert papers.claim("minaee2019:II:Ensemble Multi-feature").printed == "97"


def test_claims_are_found_by_the_beginning_of_their_keys():
    assert papers.claims() == papers.CLAIMS
    assert len(papers.claims("PANDEY2019:i")) == 6, "II and IV begin with I, too"
    assert len(papers.claims("minaee2019: ")) == 23
    key = "pandey2019:IV:base + Sobel (parallel network)"
    assert papers.claims(key.upper()) == (papers.claim(key),)
    with pytest.raises(FerError, match="Did you mean .*'pandey2019:IV'"):
        papers.claims("pandy2019:IV")
    with pytest.raises(FerError, match=r"under 'pandey2019:IV:base'.*base model"):
        papers.claims("pandey2019:IV:base")
    with pytest.raises(FerError, match="'borgalli2022'"):
        papers.claims("borgali")


def test_counts_that_print_as_a_percentage():
    assert forensics.right_counts(83.16, 2, 980) == [815]
    assert forensics.right_counts(83.16, 2, 979) == []
    assert forensics.right_counts(64, 0, 200) == [127, 128, 129]
    assert forensics.right_counts(64, 0, 200, cut=True) == [128, 129]
    assert forensics.right_counts(99.62, 2, 800) == [797], "99.625 may be rounded either way"
    assert forensics.right_counts(99.63, 2, 800) == [797]
    assert forensics.right_counts(0, 0, 3) == [0]
    assert forensics.right_counts(100, 1, 3) == forensics.right_counts(100, 1, 3, True) == [3]
    with pytest.raises(FerError, match="n=0"):
        forensics.right_counts(50, 0, 0)


@pytest.mark.parametrize("cut", [False, True])
def test_counts_agree_with_printing(cut):
    for n in (7, 23, 70, 179):
        for right in range(n + 1):
            exact = 100 * right / n
            value = int(exact * 10 + 1e-9) / 10 if cut else round(exact, 1)
            found = forensics.right_counts(value, 1, n, cut)
            assert right in found and len(found) == 1
    everything = forensics.totals(50.0, 1, 1, 6)
    assert everything == [(1, 2), (2, 4), (3, 6)]


def test_table_1_of_pandey2019_was_measured_on_980_images():
    rows = papers.claims("pandey2019:I")
    values = [row.value for row in rows]
    assert forensics.common_n(values, 2, 50, 1_900) == [980]
    assert forensics.common_n(values, 2, 50, 1_900, cut=True) == []
    right = [forensics.right_counts(value, 2, 980) for value in values]
    assert right == [[815], [824], [827], [834], [838], [864]]
    assert {row.n for row in rows} == {980}


def test_no_test_set_gives_the_least_and_best_of_pandey2019s_four_runs():
    for table in ("II", "IV"):
        rows = [row for row in papers.claims(f"pandey2019:{table}") if "reported" not in row.row]
        runs = [value for row in rows for value in (row.low, row.high)]
        for cut in (False, True):
            assert forensics.common_n(runs, 2, 50, 4_000, cut) == []


def test_matrices_give_the_printed_accuracies_if_digits_are_cut_off():
    for matrix in forensics.MATRICES.values():
        row = papers.claim(matrix.claim)
        right, n = int(np.trace(matrix.counts)), int(matrix.counts.sum())
        assert (row.n, row.dataset) == (n, matrix.dataset)
        assert right in forensics.right_counts(row.value, row.decimals, n, cut=True)
        assert forensics.accuracy_of(matrix.counts) == pytest.approx(right / n)
        assert matrix.counts.shape == (7, 7)
    assert set(forensics.MATRICES["ferg"].row_sums.values()) == {1_000}
    assert set(forensics.MATRICES["jaffe"].row_sums.values()) == {10}


def test_deep_emotions_matrix_is_not_of_fer2013s_test_set():
    matrix = forensics.MATRICES["fer2013"]
    assert (np.trace(matrix.counts), matrix.counts.sum()) == (2_502, 3_573)
    assert matrix.row_sums == {
        **{"neutral": 1_290, "happy": 930, "sad": 452, "surprise": 450},
        **{"angry": 327, "fear": 99, "disgust": 25},
    }
    assert forensics.totals(70.02, 2, 3_573, 3_573) == [], "2,502 of 3,573 round to 70.03"
    assert forensics.totals(70.02, 2, 3_573, 3_573, cut=True) == [(2_502, 3_573)]


def test_ck_plus_of_minaee2019_fits_the_pictures_of_ck48():
    sizes = {n: forensics.right_counts(98.0, 1, n) for n in (65, 66, 118, 119, 196, 197)}
    assert sizes == {65: [], 66: [], 118: [], 119: [], 196: [192], 197: [193]}


def test_a_broken_matrix_is_refused():
    for wrong in (np.ones((2, 3)), np.zeros((2, 2)), np.ones(4)):
        with pytest.raises(FerError, match="square matrix"):
            forensics.accuracy_of(wrong)


@pytest.mark.parametrize("dataset", borgalli2022.REPORTS)
def test_reports_of_borgalli2022_agree_with_themselves(dataset):
    report = borgalli2022.REPORTS[dataset]
    scores = np.array([[float(value) for value in row[:3]] for row in report.rows])
    supports = [row[3] for row in report.rows]
    table = next(one for one in papers.claims("borgalli2022:1") if one.dataset == dataset)
    assert table.n == report.n == sum(supports)
    precision, recall, f1 = scores.T
    assert np.abs(2 * precision * recall / (precision + recall) - f1).max() < 0.0125
    for average, weights in ((report.macro, None), (report.weighted, supports)):
        means = np.average(scores, axis=0, weights=weights)
        assert np.abs(means - [float(value) for value in average]).max() <= 0.0101
    low, high = forensics.right_range(100 * recall, 0, supports)
    right = {
        count
        for cut in (False, True)
        for count in forensics.right_counts(table.value, 2, report.n, cut)
    }
    assert len(right) == 1 and low <= right.pop() <= high
    assert float(report.accuracy) == pytest.approx(table.value / 100, abs=0.0051)


def test_accuracies_of_borgalli2022_in_counts():
    def right(dataset, value, cut=False):
        n = borgalli2022.REPORTS[dataset].n
        return n, forensics.right_counts(value, 2, n, cut)

    assert right("kdef", 99.63) == (800, [797])
    assert right("rafd", 68.84) == (1_608, [1_107]) and 8_040 == 5 * 1_608
    assert right("sfew", 40.78) == (179, [73])
    assert right("rafdb", 75.26) == (3_068, [2_309])
    assert right("amfed", 54.13) == (955, []) and right("amfed", 54.15) == (955, [])
    assert right("amfed", 54.13, cut=True) == (955, [517])


def test_a_recall_that_no_count_prints_as_is_refused():
    with pytest.raises(FerError, match="3 faces"):
        forensics.right_range([50.0], 1, [3])


def test_alessi2019s_precisions_taken_as_recalls_give_an_accuracy_below_60():
    sizes = dict(zip(FER7, (4_953, 547, 5_121, 8_989, 6_077, 4_002, 6_198), strict=True))
    rows = [one for one in papers.claims("alessi2019") if one.metric == "precision"]
    assert {one.row for one in rows} == set(FER7) - {"disgust"}, "of disgust none is printed"
    recalls = [0, *[one.value for one in rows]]
    supports = [sizes["disgust"], *[sizes[one.row] for one in rows]]
    assert forensics.accuracy_from_recalls(recalls, supports) == pytest.approx(57.2, abs=0.05)
    assert sum(sizes.values()) == 35_887 and rows[0].n == 7_178


def test_alessi2019s_six_are_read_as_precisions_and_as_recalls():
    rows = papers.claims("alessi2019")
    first, again = ([one for one in rows if one.metric == name] for name in ("precision", "recall"))
    assert [(one.row.split(",")[0], one.printed) for one in again] == [
        (one.row, one.printed) for one in first
    ]
    for one in (*first, *again):
        assert (one.experiment, one.setup, one.n) == (
            first[0].experiment,
            first[0].setup,
            first[0].n,
        )


def test_the_survey_of_alessi2019_has_sixteen_sets_and_names_those_that_open_here():
    assert len({row.name for row in alessi2019.SURVEY}) == 16
    opened = [row.opens for row in alessi2019.SURVEY if row.opens]
    assert set(opened) <= set(CARDS) and len(opened) == 7
    assert {row.elicited for row in alessi2019.SURVEY} == {"P", "P & S"}
    for row in alessi2019.SURVEY:
        if row.opens:
            expected = CARDS[row.opens].expected
            assert row.subjects in (None, expected.get("subjects"), 123)


def test_mazen2021s_improvements_are_ratios():
    frames = [one.value for one in papers.claims("mazen2021:II")]
    haar, deep = frames[1] / frames[0], frames[3] / frames[2]
    ratios = [one.value for one in papers.claims("mazen2021:text") if "ratio" in one.metric]
    assert ratios == pytest.approx([100 * haar, 100 * deep], abs=0.01)


def test_gains_say_what_they_are_the_gain_of():
    for row in papers.CLAIMS:
        if row.metric.startswith(("gain", "ratio", "frames", "time")):
            assert row.gain_of or row.comparable
        if row.gain_of:
            other = papers.claim(row.gain_of)
            assert (other.dataset, other.label_rule) == (row.dataset, row.label_rule)
            assert (other.setup.test, other.setup.epoch) == (row.setup.test, row.setup.epoch)


def test_the_classes_of_borgalli2022_are_the_outputs_of_its_networks():
    for dataset, report in borgalli2022.REPORTS.items():
        rows = [one for one in papers.claims("borgalli2022") if one.dataset == dataset]
        per_class = [one for one in rows if one.row.startswith("class ")]
        assert len(per_class) == 3 * len(report.rows)
        if not report.order:
            assert all(one.comparable for one in per_class)
            continue
        assert len(set(report.order)) == len(report.rows)
        for one in rows:
            assert tuple(one.experiment["classes"]) == report.order and not one.comparable
    raf = CARDS["rafdb"].expected["split_classes"]["test"]
    supports = [row[3] for row in borgalli2022.REPORTS["rafdb"].rows]
    assert [raf[name] for name in borgalli2022.REPORTS["rafdb"].order] == supports


def votes_of(*faces: dict[str, int]) -> np.ndarray:
    return np.array([[face.get(name, 0) for name in FERPLUS_VOTES] for face in faces])


def test_row_sums_tell_the_label_rule():
    votes = votes_of(
        {"happy": 10},
        {"happy": 6, "neutral": 4},
        {"sad": 4, "neutral": 4, "fear": 2},  # a tie, and no majority
        {"contempt": 6, "angry": 4},  # an eighth class wins
        {"unknown": 7, "fear": 3},
        {"NF": 10},  # nobody saw one of the seven
    )
    seven = FER7
    counts = forensics.label_counts(votes, FERPLUS_VOTES, seven)
    assert counts["majority"] == dict.fromkeys(seven, 0) | {"happy": 2}
    assert counts["argmax"] == counts["majority"] | {"neutral": 1}
    only = counts["argmax, only votes for these classes"]
    assert only == counts["argmax"] | {"angry": 1, "fear": 1}
    plain = counts["plain argmax, only votes for these classes"]
    assert plain == only | {"neutral": 2}
    assert forensics.row_sums_match(plain, votes, FERPLUS_VOTES) == [
        "plain argmax, only votes for these classes"
    ]
    assert "argmax" in forensics.row_sums_match(counts["argmax"], votes, FERPLUS_VOTES)
    spelled = {"Anger": 1, "Disgust": 0, "Fear": 1, "Happiness": 2, "SA": 0, "SU": 0, "NE": 1}
    assert forensics.row_sums_match(spelled, votes, FERPLUS_VOTES)[-1] == (
        "argmax, only votes for these classes"
    )
    assert forensics.row_sums_match({"happy": 3}, votes, FERPLUS_VOTES) == []
