"""The words by which prose says for and against, more and less, how sure, and why: the vocabulary of claims.py.

Each name is a pattern of alternatives. They are English, and they were written with the narratives of the split "dev"
in view, and with none of the split "test".
"""

from __future__ import annotations

import re


def said(*alternatives: str) -> re.Pattern[str]:
    """A pattern of whole words, whatever their capitals."""
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b", re.I)


# --- which words are named

# Words that prose is full of: named only where they are marked, stand beside their score, or are called a word.
COMMON = frozenset(
    """
    a about above after against all also am an and any are as at back be been before being best both but by can
    could did do does down each earlier ever every far few first for from further get gets go goes good got great
    had half has have he her here high him his how i if in into is it its just label last least less like little
    long made make many me model more most much my need negative never next no nor not nothing now number of off
    on one only open or other our out over own part place positive read review same second see sentence set she
    short side small so some still strong such support take text than that the their them then there these they
    thing third this three through time to too top two under up us very was way we well went were what when where
    which while who why will with without word words work would yet you your
    """.split()
)
# "the word that", which names no word
RELATIVE = frozenset(
    """
    that the which
    """.split()
)
# These stand before any number.
PLAIN = frozenset(
    """
    about and are as at by for from had has in is of on to was were with
    """.split()
)
# These head any sentence.
VAGUE = frozenset(
    """
    a an i in it that the there these they this we what which who you
    """.split()
)
# These stand between commas anywhere.
LINKS = frozenset(
    """
    all also and both but first however next now second still then third too yet
    """.split()
)

# What stands before and after a common word that is named, and which words are never named there.
NAMED = (
    (
        re.compile(r"\b(?:without|drop(?:ping)?|remov(?:e|ing)|delet(?:e|ing)|out) (?:the )?(?:word )?$", re.I),
        re.compile(r"[:,.]| (?:and|the|it)\b"),
        VAGUE,
    ),
    (
        re.compile(r"\b(?:than|outweighs|outranks|ahead of|behind|beats|exceeds|including) $"),
        re.compile(r"[,.;:)]"),
        VAGUE,
    ),
    (re.compile(r"[\w”’»\"'`], $|namely $"), re.compile(","), VAGUE | LINKS),
    (re.compile(r"\b(?:against|favou?r)(?: it| that)? (?:stood|stands|is) $", re.I), re.compile(r"[,.;]"), VAGUE),
    (
        re.compile(r"\bwords? (?:[\w']+,? (?:and |or ))?$|\n[-•*]?\s*$", re.I),
        re.compile(r"\s*(?:[,.:;)]|$|(?:and|or|has|have|is|are|was|were|does|did|second|third)\b)"),
        RELATIVE,
    ),
)
SPEAKS = re.compile(
    r" (?:\w+ly )?(?:comes|is|speak|spoke|weigh|pull|dominat|support|count|argu|work|oppos|rais|lower|help|push)\w*"
)

# --- for and against

# Between words that are spoken of together.
GLUE = re.compile(
    r"^(?:[\s,\"'“”‘’«»`*()]|\b(?:and|or|both|the|word|words|then|also|plus|token|name|verb|"
    r"adjective|surname)\b|[+−-]?\d+(?:\.\d+)?)*$",
    re.I,
)

# A new clause begins: what is said of a word before it is not said of one after it.
TURN = re.compile(
    r"[;:!?—•]|\.(?!\d)|\n|,? (?:while|whereas|but(?! (?:it|they|both|that|is|against|for|in favou?r)\b(?! (?:is|was) \w+ed\b))|"
    r"although|though|however|yet|even though)\b|, with\b(?! \d)",
    re.I,
)
# What parts two words, where their order is told.
PARTS = re.compile(r"[,;:.—]|\b(?:and|while|whereas|with|but)\b")
BEING = re.compile(r"[^\w]*(?:is|are|was|were|be) (?:\w+ly )?\W*", re.I)

FOR = said(
    r"(?:did|does|do) not \w+ against",
    r"in (?:its |their |his )?favou?r",
    r"support\w*",
    r"favou?r(?:ed|s|ing|able)?",
    r"help(?:s|ed|ing|er|ers)?",
    r"rais\w+",
    r"lift\w*",
    r"add(?:s|ed|ing)?",
    r"back(?:s|ed|ing) (?:it|this|that|the|them|up)",
    r"chip\w* in",
    r"boost\w*",
    r"bolster\w*",
    r"strengthen\w*",
    r"reinforc\w+",
    r"contribut\w+",
    r"on the (?=\w+ side)",
    r"nudge\w*",
    r"giv\w+ (?:[\w']+ ){0,3}back",
    r"push(?:es|ed|ing)?",
    r"on (?:the predicted|the supporting|the favourable|the model's|the plus) side",
    r"plus",
    r"(?:speak|spoke|count|argu|vot|weigh|work|stand|stood|pull|point|tell|told|lean|row|lend|chose|be|are|is|was|were|all|both)\w* (?:[\w']+ ){0,4}?(?:for|towards?|in favou?r of)",
    r"again for",
    r"(?:point|lead|lean|lend|tend)\w* (?:[\w']+ ){0,2}?to",
    r"evidence",
    r"dominat\w+",
    r"agree[sd]?",
    r"all(?:y|ies)",
    r"(?:positive|higher) (?:score|value|contribution|attribution)s?",
)

AGAINST = said(
    r"against",
    r"objection\w*",
    r"not (?:in favou?r|for|help\w*|support\w*)",
    r"oppos(?!ite sides)\w+",
    r"opponents?",
    r"to the contrary",
    r"enem(?:y|ies)",
    r"counter(?:weight|s|ed)?",
    r"lower(?:s|ed|ing)",
    r"reduc\w+",
    r"drag\w*",
    r"detract\w*",
    r"subtract\w*",
    r"resist\w*",
    r"disagree\w*",
    r"(?:held|hold|holds|holding) (?:[\w'’]+ ){0,4}?back",
    r"(?:take|took|taken|takes|taking) (?:[\w']+ )?(?:away|off|from|back)",
    r"the other (?:way|side|direction)",
    r"(?:other|opposite|opposing|minus|wrong) (?:side|direction|pan|way) ?(?!with)",
    r"backwards?",
    r"away from",
    r"push\w* (?:it )?(?:back|down)",
    r"pull\w* (?:it )?(?:back|away|down)",
    r"tugs? (?:it )?back",
    r"costs? (?:it|the|a)",
    r"weaken\w*",
    r"dampen\w*",
    r"temper\w*",
    r"soften\w*",
    r"diminish\w*",
    r"hinder\w*",
    r"hamper\w*",
    r"runs? (?:slightly )?(?:counter|against)",
    r"hurt\w*",
    r"undermin\w+",
    r"brake\w*",
    r"offset\w*",
    r"eat\w* into",
    r"discourag\w+",
    r"disput\w+",
    r"dissent\w*",
    r"minus",
    r"negative (?:score|value|contribution|attribution|entry|entries|sign)s?",
)

SAME = said(
    r"too",
    r"as well",
    r"likewise",
    r"also",
    r"both",
    r"(?:same|that) (?:way|direction|side|label|sign)",
    r"(?:its|their) side",
    r"all of (?:them|these)",
    r"joins?\b(?! the side)",
    r"agrees?",
)

JOINS = said(
    r"followed",
    r"then",
    r"next",
    r"second",
    r"third",
    r"behind",
    r"after",
    r"as well as",
    r"and by",
)

# A clause whose direction comes before its subject.
INVERTED = re.compile(
    r",(?= (?:and )?(?:in (?:favou?r|opposition|support)|against|on the (?:other|opposite)|pulling|"
    r"opposing|working|speaking)\b)",
    re.I,
)

# A score with its sign, after a word.
NUMBER = re.compile(
    r"^[\s,\"'”’»`*]*(?:\(|:|=|\bat\b|\bstands at\b|\bwith\b|\bby\b|\bhas\b|\bfollows\b|\bfirst\b|"
    r"\bsecond\b|\bthird\b|\bleads\b|\bscores?\b|\badds\b|\bcontributes\b|\bis\b|\||\s|\bthe\b|"
    r"\bvalue\b)*([+−-])\s?(\d+(?:\.\d+)?)"
)

# The same before a word.
AHEAD = re.compile(r"([+−-])\s?\d+(?:\.\d+)? (?:for|to|of|from)[\s\"'“‘«`*]*$")

# --- more and less

# The greatest, unless NOT_MOST is said too.
MOST = said(
    r"most",
    r"(?:larg|great|bigg|heavi|strong|high|weight|loud)est",
    r"top(?! (?:token|word|candidate))",
    r"first(?! name)",
    r"chief(?:ly)?",
    r"main(?:ly)?",
    r"principal(?:ly)?",
    r"primar(?:y|ily)",
    r"foremost",
    r"hardest",
    r"dominat(?:es|ed|ing)",
    r"heads the|headed the",
    r"leads",
    r"led",
    r"leading",
    r"above all",
    r"towers",
    r"stands? (?:out|well apart|far above)",
    r"way out in front",
    r"the (?:larg|great|bigg|heavi|strong|high|weight|loud)er",
)

NOT_MOST = said(
    r"second",
    r"third",
    r"next",
    r"almost",
    r"not the",
    r"after",
    r"runner",
    r"the only",
    r"most of (?:the (?:words|rest|other)|them|these)",
    r"at first",
    r"(?:two|three|four|both|those) \w+(?:est|most)?",
    r"of the (?:first|top|largest|greatest|strongest)",
    r"than the first",
    r"the first of",
    r"first among",
    r"among (?:them|these|the rest|the others)",
)

ORDINAL = re.compile(r"(?<!\ba )\b(?:(second|runner-up)|(third)|(fourth))\b(?! (?:of|name)\b)", re.I)

# What is named next is smaller.
DOWN = re.compile(
    r"\b(?:followed|then|next|after (?:that|it|them|which)|a step behind|(?:ahead of|outrank\w*|"
    r"outweigh\w*|beats?|exceed\w*|(?:larg|great|bigg|heavi|strong|high|weight|loud)er than|"
    r"more than(?: that of)?|as much as|before|above|prevails over|includes|including|"
    r"more (?:[\w']+ )(0, 5)?than)[\s\"'“‘«`*(]*(?:(?:the|word|token|name|both|all|that of|"
    r"of)\b[\s\"'“‘«`*(]*)*$)",
    re.I,
)

# What is named next is greater.
UP = re.compile(
    r"\b(?:behind|less than|(?:small|weak|low|light)er than|less (?:[\w']+ )(1, 5)?than|trailing|"
    r"trails|below|outweighed by|outranked by|exceeded by|second to)[\s\"'“‘«`*(]*(?:(?:the|word|"
    r"token|name|both|all|that of|of)\b[\s\"'“‘«`*(]*)*$",
    re.I,
)

STEP = said(
    r"followed",
    r"then",
    r"next",
)

AFTER_IT = said(
    r"c[oa]mes?",
    r"follow(?:s|ed)?",
    r"is",
    r"was) (?:\w+ ){0,2}(?:after",
    r"behind) (?:it",
    r"that",
    r"them",
)

FORMER = re.compile(
    r"\bthe (former|latter)\b[^.;]*\b(?:(?:larg|great|bigg|heavi|strong|high|weight|loud)er|more|"
    r"ahead|first)\b",
    re.I,
)

# Of all words, and not of those on one side.
OVERALL = said(
    r"in absolute terms",
    r"of the (?:two|three|four|five|pair|lot)",
    r"(?<!most )of all(?! in)",
    r"overall",
    r"either direction",
    r"(?:in|by) size",
    r"the \w+er\b",
    r"(?:\w+est|most|top|main) (?:\w+ )?(?:words?|weight|score|entry|value|magnitude|effect|contribution|attribution|item|token)",
)

THAN_ALL = re.compile(
    r"\b(?:more|(?:larg|great|bigg|heavi|strong|high|weight|loud)er)\b[^,;.]*\bthan (?:any of|"
    r"either of|all|both) (?:of )?(?:these|them|the others|those)",
    re.I,
)

SIDED = said(
    r"side",
    r"pan",
    r"pick",
    r"camp",
    r"help",
    r"drag",
    r"lift",
    r"boat",
    r"votes?",
    r"clue",
    r"opponent",
    r"supporter",
    r"ally",
)

ORDERED = re.compile(
    r"\bin (?:that|this|descending|falling) order\b|\b(?:order|rank|sort)(?:ed|ing) by size\b|"
    r"\bfrom (?:the )?(?:large|high|strong|great|bigg)",
    re.I,
)

# What a removal is called: the sentence is then about a test, and not about the text as it stands.
REMOVAL = said(
    r"without\b(?! (?:\w+ ){0,3}(?:hesitation|doubt|question|exception|reserv\w+|wavering|further|confidence))",
    r"remov\w+",
    r"delet\w+",
    r"drop(?:s|ped|ping)?\b(?! (?:in|to|off)\b)",
    r"omit\w*",
    r"strip\w*",
    r"replac\w+",
    r"swap\w*",
    r"substitut\w+",
    r"ablat\w+",
    r"exchang\w+",
    r"(?:leav\w+|left|tak\w+|took|cut\w*|edit\w*|knock\w*) (?:[\w■\"'“”‘’«»`*]+ ){0,4}?out(?: of)?",
    r"str(?:uck|ik\w+) out",
    r"(?:tak\w+|took) (?:away\b|[\"'“‘«`*]*■+[\"'”’»`*]* away)",
    r"(?:cut|strike|striking|struck|scratch\w*) (?:from|[\"'“‘«`*]*■)",
    r"absence of",
    r"(?:had|were|if|was|is) (?:[\w■\"'“”‘’«»`*]+ ){0,6}?(?:been|cut|absent|missing|gone|not (?:there|present)|different)",
)

# A label that follows is what the model says.
SAYS = said(
    r"(?:consider\w*|took|shows?|draws?)",
    r"label\w*",
    r"classif\w+",
    r"rat(?:ed?|es|ing)",
    r"judge[ds]?",
    r"judgement",
    r"call(?:s|ed)?",
    r"plac(?:ed?|es)",
    r"puts?",
    r"assign\w*",
    r"gave",
    r"gives?",
    r"given",
    r"found",
    r"deemed",
    r"taken to be",
    r"verdict",
    r"predict\w*",
    r"output",
    r"result\w*",
    r"outcome",
    r"class",
    r"answer\w*",
    r"say[s]?",
    r"said",
    r"go(?:es)? for",
    r"went",
    r"c[oa]mes? (?:out|down)",
    r"ended",
    r"ends?",
    r"finish\w*",
    r"land\w*",
    r"lean\w*",
    r"leant",
    r"tend\w*",
    r"decid\w+",
    r"decision",
    r"chose",
    r"chooses",
    r"settle\w*",
    r"return\w*",
    r"sees",
    r"read(?:s|ing)?",
    r"wins",
    r"arriv\w+",
    r"reach\w*",
    r"sort\w*",
    r"made",
    r"makes",
    r"treat\w*",
    r"counted as",
    r"files?",
    r"filed",
    r"yields?",
    r"opts? for",
    r"picks?",
    r"declares?",
    r"sides? with",
    r"is",
    r"was",
    r"be",
)

# --- how sure

PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?)(?:\s?%|\s?per ?cent\b)", re.I)

DECIMAL = re.compile(r"(?<![\d.+−-])(?<![+−-]\s)([01](?:\.\d+)|1)(?![\d.]*\d|\s?%|\s?per ?cent)", re.I)

OUT_OF = re.compile(
    r"\b((?:one|two|three|four|five|six|seven|eight|nine|ten|\d+)) (?:in|out of) ((?:one|two|three|"
    r"four|five|six|seven|eight|nine|ten|\d+))\b",
    re.I,
)

ODDS = re.compile(r"\b((?:one|two|three|four|five|six|seven|eight|nine|ten|\d+)) to one\b", re.I)

PART = re.compile(r"\b(two[ -]thirds|three[ -]quarters)\b(?! (?:of|as))", re.I)

# A number nearby is a probability.
PROBABLE = re.compile(
    r"\bp\b|probab\w+|confiden\w+|certain\w*|sure\b|chance|odds|likel\w+|doubt|margin|percent|"
    r"verdict|predict\w*|label\w*|class\w*|call\b|output|result",
    re.I,
)

CERTAIN = re.compile(
    r"(?<!not )(?<!far from )(?<!less than )(?<!un)\b(?:certain(?:ty|ly)?|(?:no|little|hardly an?y?|"
    r"scarcely an?y?|next to no|without (?:a|any|noticeable|any noticeable)) (?:\w+ )?doubt|"
    r"without (?:any )?hesitation|no question|(?:very|highly|extremely|fully|utterly|quite|"
    r"practically|virtually|almost|nearly|all but|absolutely|entirely) (?:confident|sure|certain)|"
    r"total confidence|sure of (?:it|its|this|that|the|them))\b",
    re.I,
)

UNSURE = said(
    r"close call",
    r"unsure",
    r"undecided",
    r"uncertain\w*",
    r"(?:(?<!but )not|(?:was|is|does|were)n['’]t) (?:\w+ ){0,2}(?:sure|confident|certain)",
    r"far from (?:certain|sure)",
    r"coin (?:flip|toss)",
    r"toss-up",
    r"even bet",
    r"borderline",
    r"hesita(?:nt|tion|ted)",
    r"narrow(?:ly|est)?",
    r"barely (?!speak|count|matter|weigh|mov|any|regist)\w*",
    r"only just",
    r"torn",
    r"(?:just|barely) tips? over",
    r"scarcely more",
    r"grain of salt",
    r"slim",
    r"(?:weak|slight|low|little|moderate|modest) (?:\w+ )?(?:confidence|probability|lean|margin)",
    r"low-margin",
    r"tentative\w*",
    r"hardly (?:a firm|exceed\w*)",
    r"(?:model|classifier|system|it|result|verdict|prediction|and)(?: \w+){0,2} lean(?:s|ed)?",
    r"lean(?:s|ing)? (?:positive|negative)",
)

FAIRLY = said(
    r"fairly",
    r"reasonably",
    r"rather",
    r"somewhat) (?:confident",
    r"sure",
    r"certain",
)

NO = re.compile(r"without (?:any )?(?:noticeable )?hesitation|(?:no|little|hardly any) hesitation", re.I)

# What a model is said to have learned, understood or felt, and a writer to have meant.
MIND = said(
    r"the (?:author|writer|reviewer|speaker|customer)(?: of the \w+)?(?: was|['’]s)? (?:\w+ly )?"
    r"(?:using|wish\w*|want\w*|mean\w*|meant|tri\w+|used|felt|hop\w+|liked|disliked|trying)",
    r"learn(?:ed|t|s)?",
    r"train(?:ed|ing)",
    r"fine-?tun\w+",
    r"picked up",
    r"memoris\w+",
    r"underst(?:ood|ands?|anding)",
    r"felt",
    r"feels?",
    r"sens(?:ed|es)",
    r"recogni[sz]\w+",
    r"reali[sz]\w+",
    r"iron(?:y|ic|ically)",
    r"sarcas\w+",
    r"intend\w*",
    r"intention\w*",
    r"meant",
    r"wanted",
    r"believ(?:es|ed)",
    r"kn(?:ows?|ew)",
    r"notic(?:ed|es)",
    r"grasp\w*",
    r"empath\w+",
    r"appreciat\w+",
    r"imagin(?:ed|es)",
    r"misread",
    r"misunderst\w+",
    r"has seen",
    r"having seen",
    r"seen (?:\w+ ){0,4}(?:times|often)",
    r"in its (?:data|training|corpus)",
    r"associat\w+",
)

BECAUSE = said(
    r"because",
    r"caus(?:e|ed|es|ing)",
    r"due to",
    r"owing to",
    r"thanks to",
    r"that is why",
    r"which is why",
    r"that's why",
    r"for (?:this|that) reason",
    r"led (?:the model|it|the classifier|the system|directly|to)",
    r"ma(?:de|kes?) (?:(?:the (?:model|classifier|system|network)) (?!is |was )\w+|it (?:say|choose|decide|call|predict|conclude|answer))",
    r"forced",
    r"triggered",
    r"resulted from",
    r"brought about",
    r"drove the",
    r"is responsible",
    r"as a (?:result|consequence) of",
)

# What would be, if.
WOULD = re.compile(
    r"\b(?:would|could|might)(?:n't| not)? (?:then |now |still |no longer |also |"
    r"immediately )?(?:have|be|turn|change|flip|become|come|go|give|say|answer|drop|rise|call|label|"
    r"read|predict|reverse|fall|switch|tip|move|stay)",
    re.I,
)

FLIPS = said(
    r"flip\w*",
    r"revers\w+",
    r"chang\w+ (?:the )?(?:label|verdict|prediction|answer|outcome)",
)

STAYS = said(
    r"stay\w*",
    r"remain\w*",
    r"still",
    r"sticks?",
    r"stuck",
    r"keeps?",
    r"kept",
    r"holds?",
    r"unchanged",
    r"the same (?:label|verdict|answer)",
)

DID_NOT = re.compile(r"\b(?:did|does|would|do) not\b|n['’]t\b", re.I)
