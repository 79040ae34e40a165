"""The page for signing: what it shows and does, and that nothing is signed unseen or twice."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import yaml
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from orchestration import cli
from orchestration.classification.showing import visible
from orchestration.errors import ConfigurationError
from orchestration.state.classifications import Answer, ClassificationStore
from tests.grove import PERSON, POLICIES, Grove
from tests.unit.publishing.conftest import trees_file

# What it does


def test_proposed_then_signed(grove: Grove) -> None:
    """An engineer proposes and a custodian signs; both are told what happens next, and it is history."""
    answer = grove.propose("Ann", "PLANE", reason="a common tree")
    assert "1 answer is proposed. Next, a custodian" in answer.text
    assert "Ann proposed this" in (card := grove.card("Bob", "PLANE"))
    assert "a common tree" in card
    assert grove.class_of("Plane") is None
    answer = grove.sign("Bob", grove.ticks("Bob"))
    assert "1 proposal is signed. The next run goes by it" in answer.text
    assert grove.class_of("Plane") == ()
    assert "signed that “PLANE” (The species (species)) is harmless, as Ann proposed" in answer.text


def test_refused(grove: Grove) -> None:
    """What a custodian refuses counts for nothing and can be proposed anew."""
    grove.propose("Ann", "PLANE")
    assert "1 proposal is refused." in grove.sign("Bob", grove.ticks("Bob"), do="refuse").text
    assert grove.class_of("Plane") is None
    assert grove.propose("Ann", "PLANE", said="not_ours").history


def test_form_is_not_sent_again_by_a_reload(grove: Grove) -> None:
    """After a form the browser is sent to an address that says the same and changes nothing."""
    answer = grove.propose("Ann", "PLANE")
    assert answer.history[0].status_code == 303
    again = requests.get(answer.url, timeout=30)
    assert "1 answer is proposed" in again.text
    assert "is proposed" not in grove.get("Bob", answer.url[answer.url.index("?") :]), (
        "for Ann alone"
    )
    assert len(grove.answers()) == 1


def test_nobody_signs_their_own(grove: Grove) -> None:
    """A proposer sees nothing to tick, and a tick that is forged is refused."""
    grove.propose("Eve", "PLANE")
    (tick,) = grove.ticks("Bob")
    assert grove.ticks("Eve") == []
    assert "You proposed this yourself" in grove.card("Eve", "PLANE")
    answer = grove.sign("Eve", [tick])
    assert (answer.status_code, "somebody else must sign it" in answer.text) == (409, True)
    assert grove.class_of("Plane") is None


def test_roles_bind_forged_forms(grove: Grove) -> None:
    """An engineer's signature and a custodian's proposal are refused, whatever a form says."""
    form = grove.form("Ann", "PLANE")
    assert "as engineer" in grove.post("Bob", form).text
    grove.post("Ann", form)
    assert "as custodian" in grove.sign("Ann", grove.ticks("Bob")).text
    assert grove.answers() == [("PLANE", "harmless", False, False)]
    assert not grove.ticks("Ann")
    assert 'value="propose"' not in grove.get("Bob")


@pytest.mark.parametrize(
    ("said", "more", "sentence"),
    [
        ("harmless", {"reason": ""}, "say why"),
        ("harmless", {"reason": "w" * 1_001}, "longer than 1,000"),
        ("misspelling", {}, "must be classified itself"),
        ("misspelling", {"means": "Nothing Known"}, "must be classified itself"),
        ("policy:none_such", {}, "name one of rare_without_place, secret_withheld"),
        ("fine", {}, "an answer is one of"),
    ],
)
def test_faults_are_sentences_and_lose_nothing(
    grove: Grove, said: str, more: dict[str, str], sentence: str
) -> None:
    """What cannot be an answer is told at its word; what was typed is still there."""
    answer = grove.propose("Ann", "PLANE", said, **more)
    assert (answer.status_code, sentence in answer.text) == (409, True)
    assert "Nothing was proposed yet" in answer.text
    assert grove.answers() == []
    assert (more.get("means") or "") in answer.text
    assert more.get("reason", "so") in answer.text


@pytest.mark.parametrize(
    ("said", "more", "today", "signed"),
    [
        ("harmless", {}, "kept off the portal until", "<dd>published, where nothing else"),
        ("policy:secret_withheld", {}, "until", "kept off the portal by the policy “secret withheld”"),
        ("policy:rare_without_place", {}, "until", "published without place, by the policy “rare"),
        ("misspelling", {"means": "secret oak"}, "until", "kept off the portal by the policy “secret"),
        ("not_ours", {}, "until", "never published, as another agency"),
    ],
)  # fmt: skip
def test_proposal_says_what_it_changes(
    grove: Grove, said: str, more: dict[str, str], today: str, signed: str
) -> None:
    """How many lines, what becomes of them today, and what will."""
    grove.propose("Ann", "PLANE", said, **more)
    card = grove.card("Bob", "PLANE")
    assert "(3 lines of the newest extracts)" in card
    assert today in card.partition("<dt>Signed")[0]
    assert signed in card.partition("<dt>Signed")[2]
    assert "Careful" not in card


def test_lifting_a_protection_is_marked(grove: Grove) -> None:
    """A proposal after which less is kept back than today says so in words."""
    grove.write_classes("Oak,harmless", "Plane,secret_withheld")
    store = ClassificationStore(grove.state)
    store.propose("trees", [Answer(column="species", value="PLANE", verdict="harmless")], by="Ann")
    assert "takes a protection away" in grove.card("Bob", "PLANE")
    store.propose("trees", [Answer(column="species", value="OAK", verdict="not_ours")], by="Ann")
    assert "takes a protection away" not in grove.card("Bob", "OAK")


def test_words_that_resemble_protected_ones_go_first(grove: Grove) -> None:
    """Urgent words stand first and are marked in words, not by colour alone."""
    page = grove.get("Ann")
    first, rest = page.index("SECRET OKA"), page.index("PLANE")
    assert first < rest
    assert "Urgent</span> “<bdi>SECRET OKA" in page
    assert "1 urgent" in page
    assert "1 line has a blank cell" in page


def test_many_words_come_in_parts(grove: Grove) -> None:
    """A new system of words is no endless page, and its later words can be answered, too."""
    grove.land([f"New {n}" for n in range(120)])
    assert "Words 1 to 50 of 120" in grove.get("Ann")
    page = grove.get("Ann", "?part=3")
    assert "Words 101 to 120 of 120" in page
    assert page.count('<section class="card">') == 20


# Nothing unseen, nothing twice


def test_changed_proposal_is_not_signed(grove: Grove) -> None:
    """What was proposed anew after it was shown is shown again, not signed."""
    grove.propose("Ann", "PLANE")
    ticks = grove.ticks("Bob")
    grove.propose("Amy", "PLANE", said="not_ours")
    answer = grove.sign("Bob", ticks)
    assert (answer.status_code, "has changed since it was shown" in answer.text) == (409, True)
    assert grove.class_of("Plane") is None


@pytest.mark.parametrize("change", ["more lines", "another policy"])
def test_changed_effect_is_not_signed(grove: Grove, change: str) -> None:
    """A proposal that would now change something else than was shown is shown again."""
    grove.propose("Ann", "PLANE")
    ticks = grove.ticks("Bob")
    if change == "more lines":
        grove.land(["Plane"] * 40_000)
    else:
        policies = [POLICIES[0] | {"values": ["Secret Oak", "Plane"]}, POLICIES[1]]
        file = grove.settings.datasets_dir / "trees.yaml"
        file.write_text(yaml.safe_dump(trees_file(policies=policies)))
    assert "has changed since it was shown" in grove.sign("Bob", ticks).text
    assert grove.answers() == [("PLANE", "harmless", False, False)]


def test_one_changed_tick_stops_all(grove: Grove) -> None:
    """Several are signed together or not at all."""
    grove.propose("Ann", "PLANE")
    grove.propose("Ann", "SECRET OKA", said="misspelling", means="Secret Oak")
    one, other = grove.ticks("Bob")
    grove.sign("Bob", [one, other[:-1] + ("0" if other[-1] != "0" else "1")])
    assert [signed for *_, signed, _ in grove.answers()] == [False, False]
    assert "2 proposals are signed" in grove.sign("Bob", [one, other]).text


def test_classes_file_is_signed_as_it_was_shown(grove: Grove) -> None:
    """The list with its words, classes and sources is signed once; one that changed is shown again."""
    page = grove.get("Bob")
    assert "nobody has signed it" in page
    assert "<bdi>Oak</bdi>" in page
    assert "a list" in page
    seen = re.search(r'name="file" value="(\w+)"', page)
    assert seen
    grove.write_classes("Oak,harmless", "Plane,harmless")
    form = {"do": "sign_file", "file": seen[1]}
    assert "has changed since it was shown" in grove.post("Bob", form).text
    now = re.search(r'name="file" value="(\w+)"', grove.get("Bob"))
    assert now
    form = {"do": "sign_file", "file": now[1]}
    assert "as custodian" in grove.post("Ann", form).text
    for name in ("Bob", "Bob", "Bea"):
        assert "The list of words is signed as it is" in grove.post(name, form).text
    (signature,) = ClassificationStore(grove.state).file_signatures("trees")
    assert signature.signed_by == "Bob"
    assert "Signed as it is by Bob" in grove.get("Ann")


def test_double_click_signs_once(grove: Grove) -> None:
    """The second click is told what the first did."""
    grove.propose("Ann", "PLANE")
    ticks = grove.ticks("Bob")
    for _ in range(2):
        assert "1 proposal is signed" in grove.sign("Bob", ticks).text
    assert grove.answers() == [("PLANE", "harmless", True, False)]


def test_double_click_proposes_once(grove: Grove) -> None:
    """The same form sent twice at once is one proposal."""
    form = grove.form("Ann", "PLANE")
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: grove.post("Ann", form).text, range(4)))
    assert all("1 answer is proposed" in text for text in told)
    assert grove.answers() == [("PLANE", "harmless", False, False)]


def test_two_custodians_at_once(grove: Grove) -> None:
    """One signature is kept; the other person is told, by the page as it is now."""
    grove.propose("Ann", "PLANE")
    ticks = grove.ticks("Bob")
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda name: grove.sign(name, ticks).text, ["Bob", "Bea"]))
    assert sorted("1 proposal is signed" in text for text in told) == [False, True]
    assert sorted("has changed since it was shown" in text for text in told) == [False, True]
    assert grove.answers() == [("PLANE", "harmless", True, False)]


def test_second_engineer_replaces_nothing_unseen(grove: Grove) -> None:
    """A proposal that came while another was written stays; what was typed is not lost."""
    form = grove.form("Amy", "PLANE", said="not_ours", reason="a park of the state")
    grove.propose("Ann", "PLANE")
    answer = grove.post("Amy", form)
    assert answer.status_code == 409
    assert "a park of the state" in answer.text
    assert grove.answers() == [("PLANE", "harmless", False, False)]


# What it does not show

HOSTILE = {
    "script": "<script>alert(1)</script>", "attribute": '" onmouseover="alert(1)',
    "right to left": "SAFE\u202eTERCES", "NUL": "A\0B", "invisible": "HARM\u200bLESS\ufeff",
    "template": "{{ 7*7 }}{% raw %}", "long": "W" * 10_000, "escape": "\x1b[2J\x1b[31mRED",
}  # fmt: skip


@pytest.mark.parametrize("word", HOSTILE.values(), ids=HOSTILE)
def test_hostile_words_are_only_text(
    grove: Grove, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A word is shown as text, its unseen signs as numbers, on the page and in the terminal."""
    grove.land([word])
    answer = grove.propose("Ann", "", reason=f"as {word[:200]}")
    plain = " ".join(word.upper().split())
    assert [value for value, *_ in grove.answers()] == ([] if "\0" in word else [plain])
    assert "the owner of the source to mend" in answer.text or "\0" not in word
    for text in (grove.get("Ann"), grove.get("Bob"), answer.text, command(capsys)):
        assert not re.search("[\u202e\u200b\ufeff\x1b]", text)
    page = grove.get("Ann").lower() + grove.get("Bob").lower() + answer.text.lower()
    assert "<script" not in page
    assert ' onmouseover="' not in page
    assert "{{" in page or "7*7" not in word


def command(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `summerware classify trees` prints."""
    capsys.readouterr()
    with pytest.raises(SystemExit):
        cli.app(["classify", "trees", *words])
    return capsys.readouterr().out


def test_persons_are_never_shown(
    grove: Grove, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A word that names a person is told by its kinds and its line, wherever words are listed."""
    sheet = tmp_path / "sheet.csv"
    command(capsys, "--out", str(sheet))
    told = [grove.get("Ann"), command(capsys), command(capsys, "--json"), sheet.read_text()]
    for text in told:
        assert "MILLER" not in text.upper()
        assert "555-0142" not in text
        assert "telephone" in text
    assert "Look at line 8 of extract x1" in told[0]
    assert "line 8 of extract x1" in told[1] + told[3]
    assert json.loads(told[2])["questions"][-1]["line"] == 8


def test_person_stays_hidden_once_proposed_and_signed(grove: Grove) -> None:
    """Neither a proposal, its reason nor the history shows it; the form names no word."""
    form = grove.form("Ann", "not shown here", reason=f"ask {PERSON}")
    assert "MILLER" not in "".join(form).upper()
    for text in (
        grove.post("Ann", form).text,
        grove.get("Bob"),
        grove.sign("Bob", grove.ticks("Bob")).text,
    ):
        assert "MILLER" not in text.upper()
        assert "555-0142" not in text
    assert grove.class_of(PERSON) == ()


def test_sheet_line_without_its_word_is_no_answer(
    grove: Grove, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a sheet does not show cannot be classified by it."""
    sheet = tmp_path / "sheet.csv"
    command(capsys, "--out", str(sheet))
    lines = sheet.read_text(encoding="utf-8-sig").splitlines()
    told = [
        line if "NOT SHOWN" not in line else line.removesuffix(",,,") + ",harmless,,so"
        for line in lines
    ]
    sheet.write_text("\n".join(told))
    with pytest.raises(ConfigurationError, match="the owner of the source to mend"):
        cli.app(["classify", "trees", "--read", str(sheet), "--by", "Ann"], standalone_mode=False)


@given(st.text(max_size=400))
@bounded(max_examples=60, deadline=None)
def test_no_word_breaks_a_page(word: str) -> None:
    """Any text is shown without a sign that a screen obeys."""
    assert all(sign.isprintable() or sign == " " for sign in visible(word) if not sign.isspace())


def test_wrong_classes_file_is_a_sentence(grove: Grove) -> None:
    """While the list has a wrong line the page says which, and takes nothing."""
    form = grove.form("Ann", "PLANE")
    grove.write_classes("Oak,harmless", "Plane,nonsense")
    for answer in (requests.get(grove.links["Ann"], timeout=30), grove.post("Ann", form)):
        assert answer.status_code == 503
        assert "trees.classes.csv: line 3: class" in answer.text
    assert grove.answers() == []


# What misspellings of signed words count as


def test_misspelling_of_a_signed_word_counts_as_that_word(grove: Grove) -> None:
    """It follows the word, also where that is signed anew, and the proposal says so."""
    for word, said, means in (("PLANE", "harmless", ""), ("SECRET OKA", "misspelling", "Plane")):
        grove.propose("Ann", word, said, means=means)
        grove.sign("Bob", grove.ticks("Bob"))
    assert grove.class_of("Secret Oka") == ()
    store = ClassificationStore(grove.state)
    again = Answer(column="species", value="PLANE", verdict="policy", means="secret_withheld")
    store.propose("trees", [again], by="Ann")
    assert "(4 lines of the newest extracts)" in grove.card("Bob", "PLANE")
    grove.sign("Bob", grove.ticks("Bob"))
    assert grove.class_of("Secret Oka") == ("secret_withheld",)
