"""Published numbers of parameters, and the networks that have them."""

from fer_utils.papers.pandey2019 import LAPLACIAN, NARROWED, SOBEL
from fer_utils.papers.record import Count

_TWO_STREAMS = (
    "two streams: whole networks would have 1.29 million together. The paper prints 0.65 and does "
    "not say how it was kept; here both are narrowed to 0.7 of the filters"
)


def _rtnn(num_classes: int, **options: object) -> dict:
    return {"name": "mini_xception", "num_classes": num_classes, **options}


def _eight(name: str, **options: object) -> dict:
    return {"name": name, "num_classes": 8, **options}


COUNTS = (
    Count("arriaga2017", "mini-Xception", 58_423, "60,000", _rtnn(7, input_size=64)),
    Count("alessi2019", "Fig. 12", 58_423, "", _rtnn(7, variant="alessi2019")),
    Count("arriaga2017", "mini-Xception for FERPlus", 59_576, "", _rtnn(8, input_size=64)),
    Count("minaee2019", "public port", 66_877, "", {"name": "deep_emotion"}),
    Count("pandey2019", "II", 8_757_704, "8.75 million", _eight("vgg13")),
    Count("pandey2019", "II", 8_758_280, "8.75 million", _eight("vgg13", **LAPLACIAN)),
    Count("pandey2019", "II", 8_758_856, "8.75 million", _eight("vgg13", **SOBEL)),
    Count("pandey2019", "III", 645_472, "645472", _eight("bottleneck_065m")),
    Count("pandey2019", "IV", 645_904, "0.65 million", _eight("bottleneck_065m", **LAPLACIAN)),
    Count("pandey2019", "IV", 646_336, "0.65 million", _eight("bottleneck_065m", **SOBEL)),
    Count(
        "pandey2019",
        "IV",
        None,
        "0.65 million",
        _eight("bottleneck_065m", **LAPLACIAN, **NARROWED),
        _TWO_STREAMS,
    ),
    Count(
        "pandey2019",
        "IV",
        None,
        "0.65 million",
        _eight("bottleneck_065m", **SOBEL, **NARROWED),
        _TWO_STREAMS,
    ),
    Count("borgalli2022", "Fig. 10", 5_391_055, "5.391M", {"name": "light_vgg"}),
    Count("borgalli2022", "Fig. 8", 15_244_104, "15.244M", _eight("vgg16_gap")),
    Count("borgalli2022", "Fig. 9", 56_568_551, "56.568M", {"name": "inception_resnet_v2"}),
    Count(
        "borgalli2022", "Fig. 6", 99_143_494, "99.143 M", {"name": "custom_kdef", "num_classes": 6}
    ),
    Count("mazen2021", "Fig. 11", 17_926_983, "", {"name": "vgg_face"}),
)
