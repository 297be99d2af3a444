"""From sung words to the thing a person in the picture holds: one picturable word of what is sung."""

import hashlib
import re
import unicodedata

# Words that say nothing one could look at: function words, and syllables sung for their sound.
_PLAIN = """
a about above after again ain't all am an and any are as at be because been before being but by can can't cause come
could did didn't do does doesn't doing don't down every for from get gets getting go goes going gone gonna got gotta had
has have having he he's her here hers him his how i i'd i'll i'm i've if in into is isn't it it's its just know let let's
like make me mine more my myself never no not now of off on once one only or our out over own put really said same say
see she she's should so some something still such take than that that's the their them then there there's these they
they're thing this those through to too tell till try under until up us very wanna want wants was wasn't we we'll we're we've
well were what what's when where which while who why will with won't would yes yet you you'd you'll you're you've your yours
ah ay aye ba bom da dee di do doo dum eh ey ha hah hey hm hmm ho huh la na nah oh ooh ooo ow sha ta uh uhm um whoa woah woo
wow ya yeah yo yuh
de del el ella en es esa ese esta este está la las le les lo los me mi mis muy más ni no nos o para pero por porque que qué
se si sin sobre son soy su sus sí te tu tus tú un una y ya yo como con al a eres fue hay
ai as au aux avec c'est ce ces cette dans des du elle est et eu il ils j'ai je l le les leur lui ma mais mes moi mon n ne
nous on ou où par pas plus pour qu que qui s sa sans ses son suis sur t ta tes toi ton tout un une vous à
aber als am an auf aus bei bin bist da das dass dein dem den der des die dich dir doch du ein eine einen einer er es für
hab habe hat ich ihr im in ist ja kann mein mich mir mit nach nicht noch nur oder schon sein sich sie sind so und uns von
war was wenn wie wir wird zu zum
""".split()
_WITHOUT_PICTURE = frozenset(_PLAIN)

# SHA-256 (first 12 hex digits) of slurs, so that a song that has one does not put it in the picture.
_NOT_SHOWN = frozenset(
    """
    08a841e99678 120f6e5b4ea3 158869a97379 16ea09fc78ca 17bde8b40646 1e02eec4f109 1f83315f96dd 22fc75e65a0e
    268651b3ece9 27eb0c4ad707 333f76180929 341d56384afc 3b1e0d7c5dd4 45cd3e1bb472 469c0fdb6020 5b3ae48be122
    66415f8ce37b 6d1833779e38 6f58ce492fc7 70aafb426695 733af81f7308 87d1690e74a1 886d51e97ad7 89eb1c06ff43
    8f5083e3e5c7 94a877e2ce63 94c6d2e10a76 98b52c4b6b7d 9915ba2d8222 9c95a55a82b8 be00f1af522e c2b1b189eb5d
    c3de533e9b7f cc02032349c8 e7b98c6aa5b9 ee5a869b5ace eef3bd091670 f9d0d9b18ae9
    """.split()
)
_LONGEST = 24
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f'’-]+")


def words_in(text: str) -> list[str]:
    """The words of `text`, lower case, without punctuation; any script."""
    plain = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return [word for word in (part.strip("'-") for part in re.findall(r"[\w'-]+", plain)) if word]


def is_shown(word: str) -> bool:
    """False for slurs, which are heard and transcribed but never put into a picture."""
    folded = unicodedata.normalize("NFKD", word.lower())
    bare = "".join(letter for letter in folded if letter.isalnum())
    return all(_digest(form) not in _NOT_SHOWN for form in (bare, bare.removesuffix("s"), bare.removesuffix("es")))


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:12]


def thing_sung(text: str) -> str | None:
    """The one word of the sung `text` that a person in the picture can hold; None if there is none.

    It is the last word that is neither a function word nor a syllable sung for its sound (phrases of English and
    its neighbours put what they are about last), not a slur and not a number; a very long one is cut.
    """
    for word in reversed(words_in(text)):
        is_syllable = re.fullmatch(r"(\w{1,3})(-?\1)+|.*(\w)\3{2,}.*", word) is not None
        if word not in _WITHOUT_PICTURE and not is_syllable and len(word) > 1 and not word.isdigit() and is_shown(word):
            return word[:_LONGEST]
    return None


def named_thing(word: str) -> str:
    """`word` with its article: "a heart", "an eye", "hands"; a word in another script is shown as written."""
    if not _LATIN.fullmatch(word):
        return f"the word “{word}”"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word
    return f"{article(word)} {word}"


def article(word: str) -> str:
    """"a" or "an", by the sound `word` starts with as far as its spelling shows it."""
    lower = word.lower()
    if lower.startswith(("hour", "honest", "honour", "honor", "heir")):
        return "an"
    if lower.startswith(("uni", "use", "usu", "eu", "one", "once", "ewe")):
        return "a"
    return "an" if lower[:1] in "aeiouáàâäéèêíîóôöúü" else "a"
