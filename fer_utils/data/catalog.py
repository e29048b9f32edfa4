"""A card for every data set of the five papers: what it is, its licence, how to get it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """What to know before using a data set.

    Attributes:
        name: the kit's word for it, also the name of its folder.
        title: what it is called, and what it shows.
        papers: which of the five papers use it, by their keys.
        citation: what to cite.
        licence: what may be done with it, in words; the owners' own text is what counts.
        get: how to get it.
        layout: how the files lie in the folder NAME/.
        counts: how many pictures to expect.
        opened: whether this version opens it: "yes", "not yet", or how.
    """

    name: str
    title: str
    papers: tuple[str, ...]
    citation: str
    licence: str
    get: str
    layout: str
    counts: str
    opened: str = "not yet"


_CARDS = (
    Card(
        name="facs3d",
        title="Faces drawn by the kit itself: a 3-D head moved by facial action units",
        papers=(),
        citation="This kit; the head is from MakeHuman, the face units by Mika Suominen (CC0).",
        licence="Free for everything: drawn from a CC0 head. Shows nobody. Scores on it are no "
        "claims about people.",
        get="Nothing to do: it comes with the kit.",
        layout="One packed file inside the package.",
        counts='Seven classes, with part labels and neutral twins; see data.load("facs3d").',
        opened="yes",
    ),
    Card(
        name="fer2013",
        title="FER2013: 48x48 grey faces from a web image search, seven expressions",
        papers=("alessi2019", "minaee2019", "mazen2021"),
        citation="Goodfellow et al., Challenges in representation learning: a report on three "
        "machine learning contests, ICONIP 2013.",
        licence="No licence was published; the rules of the Kaggle competition apply, and the "
        "rights in the pictures stay with their unknown owners. Do not pass it on.",
        get="Kaggle, the competition 'Challenges in Representation Learning: Facial Expression "
        "Recognition Challenge' (free account; accept the rules). Take icml_face_data.csv, or "
        "fer2013.csv from fer2013.tar.gz.",
        layout="fer2013.csv, or icml_face_data.csv, or train.csv (and test.csv); or Kaggle's "
        "folders train/angry/*.jpg ... and test/. FERPlus's fer2013new.csv beside a csv file adds "
        "the votes.",
        counts="35,887 = 28,709 Training + 3,589 PublicTest + 3,589 PrivateTest; 12 are all black, "
        "and 568 rows of the two test parts copy a Training picture.",
        opened="yes",
    ),
    Card(
        name="ferplus",
        title="FERPlus (FER+): ten taggers' votes for the faces of FER2013, with contempt",
        papers=("pandey2019", "minaee2019"),
        citation="Barsoum, Zhang, Canton Ferrer and Zhang, Training deep networks for facial "
        "expression recognition with crowd-sourced label distribution, ICMI 2016.",
        licence="The votes: MIT. The pictures are FER2013's, under its terms.",
        get="Microsoft's FERPlus repository on GitHub (microsoft/FERPlus): put fer2013new.csv "
        "beside fer2013.csv.",
        layout="fer2013/fer2013new.csv beside fer2013.csv; or the folders of FERPlus's generator: "
        "fer2013/FER2013Train/fer0000000.png ... with label.csv, FER2013Valid/, FER2013Test/.",
        counts="35,887 rows of votes; how many faces are usable depends on the rule: majority "
        "keeps 25,060 of the training and 3,199 of the validation faces.",
        opened='with fer2013: data.load("fer2013", rule="majority")',
    ),
    Card(
        name="ckplus",
        title="Extended Cohn-Kanade (CK+): posed sequences from neutral to the peak",
        papers=("minaee2019",),
        citation="Lucey et al., The extended Cohn-Kanade dataset (CK+): a complete dataset for "
        "action unit and emotion-specified expression, CVPR Workshops 2010.",
        licence="Research only, after signing an agreement; only some of the people may be shown "
        "in print.",
        get="Ask Jeffrey Cohn's group at the University of Pittsburgh, who send the agreement.",
        layout="CK+48/{anger,contempt,disgust,fear,happy,sadness,surprise}/S010_004_00000017.png "
        "(subject_sequence_frame), or ckextended.csv (emotion,pixels,Usage; 7 is contempt).",
        counts="981 pictures = 327 sequences x 3 frames, 118 people, no neutral.",
    ),
    Card(
        name="jaffe",
        title="JAFFE: ten Japanese women, seven posed expressions",
        papers=("minaee2019",),
        citation="Lyons, Akamatsu, Kamachi and Gyoba, Coding facial expressions with Gabor "
        "wavelets, FG 1998.",
        licence="Non-commercial research only; not to be passed on.",
        get="Request access to 'The Japanese Female Facial Expression (JAFFE) Dataset' on Zenodo.",
        layout="Flat: KA.AN1.39.tiff = subject . expression + take . number; expressions AN DI FE "
        "HA NE SA SU.",
        counts="213 pictures of 256x256, 10 people.",
    ),
    Card(
        name="kdef",
        title="Karolinska Directed Emotional Faces: seven expressions from five angles",
        papers=("pandey2019", "borgalli2022"),
        citation="Lundqvist, Flykt and Ohman, The Karolinska Directed Emotional Faces, Karolinska "
        "Institutet, 1998.",
        licence="Free for non-commercial research; not to be passed on.",
        get="The site of the Karolinska Institutet's data set, kdef.se.",
        layout="KDEF/AF01/AF01ANFL.JPG = session A/B, gender F/M, number 01-35, expression AF AN "
        "DI HA NE SA SU, angle FL HL S HR FR.",
        counts="4,900 pictures of 562x762, 70 people.",
    ),
    Card(
        name="ferg",
        title="FERG-DB: six cartoon characters, seven expressions",
        papers=("minaee2019",),
        citation="Aneja, Colburn, Faigin, Shapiro and Mones, Modeling stylized character "
        "expressions via deep learning, ACCV 2016.",
        licence="Non-commercial research only.",
        get="Ask the authors at the University of Washington (Graphics and Imaging Laboratory).",
        layout="FERG_DB_256/aia/aia_anger/aia_anger_1.png; characters aia bonnie jules malcolm "
        "mery ray; anger disgust fear joy neutral sadness surprise.",
        counts="55,767 pictures of 256x256.",
    ),
    Card(
        name="rafdb",
        title="RAF-DB: faces from the internet, labelled by about forty people each",
        papers=("borgalli2022",),
        citation="Li, Deng and Du, Reliable crowdsourcing and deep locality-preserving learning "
        "for expression recognition in the wild, CVPR 2017.",
        licence="Non-commercial research only; students ask through their supervisor.",
        get="Ask Weihong Deng's group at Beijing University of Posts and Telecommunications for "
        "the password, from an address of your institution.",
        layout="Basic set: EmoLabel/list_patition_label.txt (lines 'train_00001.jpg 5') and "
        "Image/aligned/train_00001_aligned.jpg; 1 Surprise 2 Fear 3 Disgust 4 Happiness 5 Sadness "
        "6 Anger 7 Neutral. Labels above 7 are the compound set.",
        counts="15,339 pictures = 12,271 training + 3,068 test.",
    ),
    Card(
        name="rafd",
        title="Radboud Faces Database: eight expressions, five camera angles, three gazes",
        papers=("borgalli2022",),
        citation="Langner et al., Presentation and validation of the Radboud Faces Database, "
        "Cognition and Emotion 24(8), 2010.",
        licence="Non-commercial research only, for people at universities.",
        get="Ask the Behavioural Science Institute of Radboud University Nijmegen.",
        layout="Rafd090_01_Caucasian_female_angry_frontal.jpg (camera angle, model, group, gender, "
        "expression, gaze).",
        counts="8,040 pictures, 67 people.",
    ),
    Card(
        name="sfew",
        title="SFEW 2.0: single frames of feature films",
        papers=("borgalli2022",),
        citation="Dhall, Goecke, Lucey and Gedeon, Static facial expression analysis in tough "
        "conditions: data, evaluation protocol and benchmark, ICCV Workshops 2011.",
        licence="Research only, after signing an agreement.",
        get="Ask Abhinav Dhall, organiser of the EmotiW challenges, for the agreement.",
        layout="Train/ and Val/, each with Angry Disgust Fear Happy Neutral Sad Surprise.",
        counts="About 1,400 labelled pictures; see the release you get.",
    ),
    Card(
        name="amfed",
        title="AM-FED+: webcam videos of people watching commercials, with action units",
        papers=("borgalli2022",),
        citation="McDuff, Amr and el Kaliouby, AM-FED+: an extended dataset of naturalistic facial "
        "expressions collected in everyday settings, IEEE Transactions on Affective Computing "
        "10(1), 2019.",
        licence="Research only, after signing an agreement.",
        get="Ask Affectiva (now part of Smart Eye) for the agreement.",
        layout="Videos with action unit labels per frame; the papers do not say how they become "
        "expressions.",
        counts="1,044 videos.",
    ),
)

#: Name -> card, the embedded data set first.
CARDS: dict[str, Card] = {card.name: card for card in _CARDS}
