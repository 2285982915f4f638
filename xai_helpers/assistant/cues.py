"""The words by which prose says for and against, more and less, how sure, and why: the vocabulary of claims.py.

Each name is a pattern of alternatives. They are English, and they were written with the narratives of the split "dev"
in view, and with none of the split "test".
"""

from __future__ import annotations

import re


def said(*alternatives: str) -> re.Pattern[str]:
    """A pattern of whole words, whatever their capitals: any of these, each of which may hold several."""
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b", re.I)


GREAT = "larg|great|bigg|heavi|strong|high|weight|loud"  # with -er and -est
OPENS = r"[\s\"'“‘«`*(]*"  # what may stand right before a word that is named
WORDS = r"[\w■\"'“”‘’«»`*]+"  # words, named ones too
COUNT = r"one|two|three|four|five|six|seven|eight|nine|ten|\d{1,6}"


# --- which words are named

# Words that any prose is full of, those of prose about a prediction, and some that may be labels: such a word of the
# text is named only where it is marked, stands beside its score, or is called a word.
LITTLE = frozenset(
    """
    a about above after against all also am an and any are as at back be been before being best both but by can
    could did do does down each earlier ever every for from further had half has have he her here him his how i
    if in into is it its just least less like many me more most much my never next no nor not nothing now of off
    on one only or other our out over same she so some still such than that the their them then there these they
    this three through to too top two under up us very was way we well were what when where which while who why
    will with without would yet you your
    """.split()
)
TALK = frozenset(
    """
    answer answers becomes count counts favour label method model number order part place prediction probability
    read removed review score scores sentence side size stays support text word words work
    """.split()
)
COMMON = (
    LITTLE
    | TALK
    | frozenset(
        """
    far few first get gets go goes good got great high last little long made make need negative open own
    positive second see set short small strong take thing third time went
    """.split()
    )
)
RELATIVE = frozenset("that the which".split())  # "the word that" names no word
PLAIN = frozenset("about and are as at by for from had has in is of on to was were with".split())  # before any number
VAGUE = frozenset("a an i in it that the there these they this we what which who you".split())  # at any beginning
LINKS = frozenset("all also and both but first however next now second still then third too yet".split())  # in commas

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

# A number beside these is a probability.
PER_CENT = re.compile(r"[\s\"'”’»`*]*(?:%|per ?cent\b)", re.I)
CHANCE = re.compile(
    r"(?:\bp|\bat|probab\w+|confiden\w+|sure|certain\w*|likel\w+|chance)[\s(:=]*(?:\b(?:is|of|was|at|about|only|nearly)\b)?"
    r"[\s(:=\"'“‘«`*]*$",
    re.I,
)

# What stands before a word that says what the model does, and before and after one that claims a cause.
ACTING = re.compile(r"\b(?:model|classifier|system|network|it)(?: \w+ly)? $", re.I)
SUBJECT = re.compile(
    r"\b(?:ha[sd]|have|having|was|is|been|who|to|never|they|reviewer|author|writer)(?: \w+ly)? $", re.I
)
OBJECT = re.compile(
    r" (?:the|an?|its?|this|that|these|those|he|she|they|we|you|to|from|during|how|what|when|over|of|such)\b", re.I
)

# --- for and against

# Between words that are spoken of together.
GLUE = re.compile(
    r"(?:[\s,\"'“”‘’«»`*()]|\b(?:and|or|both|the|word|words|then|also|plus|token|name|verb|adjective|surname)\b)*+$",
    re.I,
)

# A new clause begins: what is said of a word before it is not said of one after it.
TURN = re.compile(
    r"[;:!?—•]|\.(?!\d)|\n"
    r"|,? (?:while|whereas|although|though|however|yet|even though"
    r"|but(?! (?:it|they|both|that|is|against|for|in favou?r)\b(?! (?:is|was) \w+ed\b)))\b"
    r"|, with\b(?! \d)",
    re.I,
)
# What parts two words, where their order is told.
PARTS = re.compile(r"[,;:.—]|\b(?:and|while|whereas|with|but)\b")
BEING = re.compile(r"[^\w]*(?:is|are|was|were|be) (?:\w+ly )?\W*", re.I)

FOR = said(
    r"in (?:its |their |his )?favou?r|support\w*|favou?r(?:ed|s|ing|able)?",
    r"help(?:s|ed|ing|er|ers)?|rais\w+|lift\w*|add(?:s|ed|ing)?|back(?:s|ed|ing) (?:it|this|that|the|them|up)",
    r"chip\w* in|boost\w*|bolster\w*|strengthen\w*|reinforc\w+|contribut\w+|on the (?=\w+ side)|nudge\w*",
    r"giv\w+ (?:[\w']+ ){0,3}back|push(?:es|ed|ing)?",
    r"on (?:the predicted|the supporting|the favourable|the model's|the plus) side|plus",
    r"(?:speak|spoke|count|argu|vot|weigh|work|stand|stood|pull|point|tell|told|lean|row|lend|chose|be|are|is|was|were"
    r"|all|both)\w* (?:[\w']+ ){0,4}?(?:for|towards?|in favou?r of)",
    r"again for|(?:point|lead|lean|lend|tend)\w* (?:[\w']+ ){0,2}?to|evidence|dominat\w+|agree[sd]?",
    r"all(?:y|ies)|(?:positive|higher) (?:score|value|contribution|attribution)s?",
)

AGAINST = said(
    r"against|objection\w*|not (?:in favou?r|for|help\w*|support\w*)|oppos(?!ite sides)\w+|opponents?",
    r"to the contrary|enem(?:y|ies)|counter(?:weight|s|ed)?|lower(?:s|ed|ing)|reduc\w+|drag\w*|detract\w*",
    r"subtract\w*|resist\w*|disagree\w*|(?:held|hold|holds|holding) (?:[\w'’]+ ){0,4}?back",
    r"(?:take|took|taken|takes|taking) (?:[\w']+ )?(?:away|off|from|back)|the other (?:way|side|direction)",
    r"(?:other|opposite|opposing|minus|wrong) (?:side|direction|pan|way) ?(?!with)|backwards?|away from",
    r"push\w* (?:it )?(?:back|down)|pull\w* (?:it )?(?:back|away|down)|tugs? (?:it )?back|costs? (?:it|the|a)",
    r"weaken\w*|dampen\w*|temper\w*|soften\w*|diminish\w*|hinder\w*|hamper\w*",
    r"runs? (?:slightly )?(?:counter|against)|hurt\w*|undermin\w+|brake\w*|offset\w*|eat\w* into|discourag\w+",
    r"disput\w+|dissent\w*|minus|negative (?:score|value|contribution|attribution|entry|entries|sign)s?",
)

NOT_AGAINST = said(r"(?:did|does|do)(?: not|n['’]t) \w+ against")

SAME = said(
    r"too|as well|likewise|also|both|(?:same|that) (?:way|direction|side|label|sign)|(?:its|their) side",
    r"all of (?:them|these)|joins?\b(?! the side)|agrees?",
)

JOINS = said(
    r"followed|then|next|second|third|behind|after|as well as|and by",
)

# A clause whose direction comes before its subject.
INVERTED = re.compile(
    r",(?= (?:and )?(?:in (?:favou?r|opposition|support)|against|on the (?:other|opposite)"
    r"|pulling|opposing|working|speaking)\b)",
    re.I,
)

# Said of the words before as well.
ON_ITS_SIDE = re.compile(r"\bon (?:its|that|the same) side\b")
OF_ALL = re.compile(r"\b(?:both|all|each)\b")

# A score with its sign, after a word.
NUMBER = re.compile(
    r"[\s,\"'”’»`*]*+(?:[(:=|\s]|\b(?:at|stands at|with|by|has|follows|first|second|third|leads|scores?|adds"
    r"|contributes|is|the|value)\b)*+([+−-])\s?(\d+(?:\.\d+)?)"
)

# The same before a word.
AHEAD = re.compile(r"([+−-])\s?(\d+(?:\.\d+)?) (?:for|to|of|from)[\s\"'“‘«`*]*$")

# --- more and less

# The greatest, unless NOT_MOST is said too.
MOST = said(
    rf"most|(?:{GREAT})est|top(?! (?:token|word|candidate))|first(?! name)",
    r"chief(?:ly)?|main(?:ly)?|principal(?:ly)?|primar(?:y|ily)|foremost|hardest|dominat(?:es|ed|ing)",
    r"heads the|headed the|leads|led|leading|above all|towers|stands? (?:out|well apart|far above)",
    rf"way out in front|the (?:{GREAT})er",
)

NOT_MOST = said(
    r"second|third|next|almost|not the|after|runner|the only|most of (?:the (?:words|rest|other)|them|these)",
    r"at first|(?:two|three|four|both|those) \w+(?:est|most)?|of the (?:first|top|largest|greatest|strongest)",
    r"than the first|the first of|first among|among (?:them|these|the rest|the others)",
)

ORDINAL = re.compile(r"(?<!\ba )\b(?:(second|runner-up)|(third)|(fourth))\b(?! (?:of|name)\b)", re.I)

# After these, up to the word that is named.
_UP_TO = rf"{OPENS}(?:(?:the|word|token|name|both|all|that of|of)\b{OPENS})*+$"
# What is named next is smaller.
DOWN = re.compile(
    r"\b(?:followed|then|next|after (?:that|it|them|which)|a step behind"
    rf"|(?:ahead of|outrank\w*|outweigh\w*|beats?|exceed\w*|(?:{GREAT})er than|more than(?: that of)?|as much as"
    rf"|before|above|prevails over|includes|including|more (?:[\w']+ ){{0,5}}?than){_UP_TO})",
    re.I,
)
# What is named next is greater.
UP = re.compile(
    r"\b(?:behind|less than|(?:small|weak|low|light)er than|less (?:[\w']+ ){1,5}?than|trailing|trails|below"
    rf"|outweighed by|outranked by|exceeded by|second to){_UP_TO}",
    re.I,
)
STEP = said(r"followed|then|next")
AFTER_IT = said(r"(?:c[oa]mes?|follow(?:s|ed)?|is|was) (?:\w+ ){0,2}(?:after|behind) (?:it|that|them)")
FORMER = re.compile(rf"\bthe (former|latter)\b[^.;]{{0,120}}\b(?:(?:{GREAT})er|more|ahead|first)\b", re.I)

# Of all words, and not of those on one side.
OVERALL = said(
    r"in absolute terms|of the (?:two|three|four|five|pair|lot)|(?<!most )of all(?! in)|overall",
    r"either direction|(?:in|by) size|the \w+er\b",
    r"(?:\w+est|most|top|main) (?:\w+ )?"
    r"(?:words?|weight|score|entry|value|magnitude|effect|contribution|attribution|item|token)",
)

THAN_ALL = re.compile(
    rf"\b(?:more|(?:{GREAT})er)\b[^,;.]{{0,80}}\bthan (?:any of|either of|all|both) (?:of )?"
    r"(?:these|them|the others|those)",
    re.I,
)
SIDED = said(
    r"side|pan|pick|camp|help|drag|lift|boat|votes?|clue|opponent|supporter|ally",
)

# The words of a sentence stand in it as they do by size.
ORDERED = re.compile(
    r"\bin (?:that|this|descending|falling) order\b|\bin the order of size\b"
    r"|\b(?:great|larg|strong|high|bigg)est first\b|\b(?:order|rank|sort)(?:ed|ing) by size\b"
    r"|\bfrom (?:the )?(?:large|high|strong|great|bigg)",
    re.I,
)

# --- what was removed, and what is predicted

# What a removal is called: the sentence is then about a test, and not about the text as it stands.
REMOVAL = said(
    r"without\b(?! (?:\w+ ){0,3}(?:hesitation|doubt|question|exception|reserv\w+|wavering|further|confidence))",
    r"remov\w+|delet\w+|drop(?:s|ped|ping)?\b(?! (?:in|to|off)\b)|omit\w*|strip\w*|replac\w+|swap\w*",
    r"substitut\w+|ablat\w+|exchang\w+",
    rf"(?:leav\w+|left|tak\w+|took|cut\w*|edit\w*|knock\w*) (?:{WORDS} ){{0,4}}?out(?: of)?",
    r"str(?:uck|ik\w+) out|(?:tak\w+|took) (?:away\b|[\"'“‘«`*]*■+[\"'”’»`*]* away)",
    r"(?:cut|strike|striking|struck|scratch\w*) (?:from|[\"'“‘«`*]*■)|absence of",
    rf"(?:had|were|if|was|is) (?:{WORDS} ){{0,6}}?(?:been|cut|absent|missing|gone|not (?:there|present)|different)",
)

NO_REMOVAL = re.compile(
    r"\b(?:no|none|neither|nothing|not one)\b(?: \w+){0,3} (?:was|were|is|are|has been|have been) (?:\w+ )?"
    r"(?:remov|delet|dropp|omitt|replac|left out|taken out|swapp|ablat|cut|chang)",
    re.I,
)

# A label that follows is what the model says.
SAYS = said(
    r"(?:consider\w*|took|shows?|draws?)|label\w*|classif\w+|rat(?:ed?|es|ing)|judge[ds]?|judgement",
    r"call(?:s|ed)?|plac(?:ed?|es)|puts?|assign\w*|gave|gives?|given|found|deemed|taken to be|verdict",
    r"predict\w*|output|result\w*|outcome|class|answer\w*|say[s]?|said|go(?:es)? for|went",
    r"c[oa]mes? (?:out|down)|ended|ends?|finish\w*|land\w*|lean\w*|leant|tend\w*|decid\w+|decision|chose",
    r"chooses|settle\w*|return\w*|sees|read(?:s|ing)?|wins|arriv\w+|reach\w*|sort\w*|made|makes|treat\w*",
    r"counted as|files?|filed|yields?|opts? for|picks?|declares?|sides? with|is|was|be",
)

# What follows is the answer, and what stands after it: no clause that it would be the subject of.
_ANSWER = (
    r"(?:label|verdict|prediction|answer|result|output|outcome|class|classification|rating|next (?:word|token)"
    r"|predicted (?:word|token)|continuation)"
)
ANSWER_IS = re.compile(
    rf"(?:^\W*(?:[\w'’]+ ){{0,2}}?{_ANSWER}\W*[:=]|\b{_ANSWER}(?: \w+){{0,2}}? (?:is|was|be)"
    r"|\b(?:calls?|called|label(?:s|l?ed)|classif(?:y|ies|ied)|rate[sd]?|judge[ds]?|predict(?:s|ed)?|says?|said"
    r"|answer(?:s|ed)|chose|chooses)(?: (?:it|this|the|as|an?|for|to|be|review|text|sentence|model|clearly|with))*)"
    r"[\s\"'“‘«`*]*$",
    re.I,
)
AND_NO_MORE = re.compile(r"[\"'”’»`*]*\s*(?:$|[.,;:()—–%]|(?:with|at|because|since)\b)")
# The model does so, and no word.
LEANS = re.compile(r"\b(?:lean|tend|c[oa]me|went|go|decid|vote)\w*\b")

# --- how sure

PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d++)?)(?:\s?%|\s?per ?cent\b)", re.I)
DECIMAL = re.compile(r"(?<![\d.+−-])(?<![+−-]\s)([01]\.\d++|1)(?![\d.]*\d|\s?%|\s?per ?cent)", re.I)
OUT_OF = re.compile(rf"\b({COUNT}) (?:in|out of) ({COUNT})\b", re.I)
ODDS = re.compile(rf"\b({COUNT}) to one\b", re.I)
PART = re.compile(r"\b(two[ -]thirds|three[ -]quarters)\b(?! (?:of|as))", re.I)
# What stands before a number that is rounded, or a bound.
AT_LEAST = re.compile(
    r"\b(?:over|above|(?<!no )(?<!not )more than|at least|exceed\w*|upwards of|no(?:t)? less than)(?: \w+)?\s*$", re.I
)
AT_MOST = re.compile(r"\b(?:under|below|(?<!no )(?<!not )less than|at most|no(?:t)? more than)(?: \w+)?\s*$", re.I)
ABOUT = re.compile(
    r"(?:\b(?:about|around|roughly|some|nearly|almost|close to|approximately|or so)|≈|~)\s*(?:p\s*=\s*)?$", re.I
)
# A number nearby is a probability.
PROBABLE = re.compile(
    r"\bp\b|probab\w+|confiden\w+|certain\w*|sure\b|chance|odds|likel\w+|doubt|margin|percent"
    r"|verdict|predict\w*|label\w*|class\w*|call\b|output|result",
    re.I,
)
CERTAIN = re.compile(
    r"(?<!not )(?<!far from )(?<!less than )(?<!un)\b(?:certain(?:ty|ly)?"
    r"|(?:no|little|hardly an?y?|scarcely an?y?|next to no|without (?:a|any|noticeable|any noticeable)) (?:\w+ )?doubt"
    r"|without (?:any )?hesitation|no question"
    r"|(?:very|highly|extremely|fully|utterly|quite|practically|virtually|almost|nearly|all but|absolutely|entirely)"
    r" (?:confident|sure|certain)|total confidence|sure of (?:it|its|this|that|the|them))\b",
    re.I,
)
UNSURE = said(
    r"close call|unsure|undecided|uncertain\w*",
    r"(?:(?<!but )not|(?:was|is|does|were)n['’]t) (?:\w+ ){0,2}(?:sure|confident|certain)",
    r"far from (?:certain|sure)|coin (?:flip|toss)|toss-up|even bet|borderline|hesita(?:nt|tion|ted)",
    r"narrow(?:ly|est)?|barely (?!speak|count|matter|weigh|mov|any|regist)\w*|only just|torn",
    r"(?:just|barely) tips? over|scarcely more|grain of salt|slim",
    r"(?:weak|slight|low|little|moderate|modest) (?:\w+ )?(?:confidence|probability|lean|margin)|low-margin",
    r"tentative\w*|hardly (?:a firm|exceed\w*)",
    r"(?:model|classifier|system|it|result|verdict|prediction|and)(?: \w+){0,2} lean(?:s|ed)?",
    r"lean(?:s|ing)? (?:positive|negative)",
)

FAIRLY = said(r"(?:fairly|reasonably|rather|somewhat) (?:confident|sure|certain)")
CONFIDENT = said(r"confident")
# These look like UNSURE.
CALM = re.compile(r"without (?:any )?(?:noticeable )?hesitation|(?:no|little|hardly any) hesitation", re.I)

# --- why

# What a model is said to have learned, understood or felt, and a writer to have meant.
MIND = said(
    r"the (?:author|writer|reviewer|speaker|customer)(?: of the \w+)?(?: was|['’]s)? (?:\w+ly )?"
    r"(?:using|wish\w*|want\w*|mean\w*|meant|tri\w+|used|felt|hop\w+|liked|disliked|trying)",
    r"learn(?:ed|t|s)?|train(?:ed|ing)|fine-?tun\w+|picked up|memoris\w+|underst(?:ood|ands?|anding)|felt",
    r"feels?|sens(?:ed|es)|recogni[sz]\w+|reali[sz]\w+|iron(?:y|ic|ically)|sarcas\w+|intend\w*|intention\w*",
    r"meant|wanted|believ(?:es|ed)|kn(?:ows?|ew)|notic(?:ed|es)|grasp\w*|empath\w+|appreciat\w+|imagin(?:ed|es)",
    r"misread|misunderst\w+|has seen|having seen|seen (?:\w+ ){0,4}(?:times|often)",
    r"in its (?:data|training|corpus)|associat\w+",
)

BECAUSE = said(
    r"because|caus(?:e|ed|es|ing)|due to|owing to|thanks to|that is why|which is why|that's why",
    r"for (?:this|that) reason|led (?:the model|it|the classifier|the system|directly|to)",
    r"ma(?:de|kes?) (?:the (?:model|classifier|system|network) (?!is |was )\w+"
    r"|it (?:say|choose|decide|call|predict|conclude|answer))",
    r"forced|triggered|resulted from|brought about|drove the|is responsible|as a (?:result|consequence) of",
)

CAUSE = re.compile(rf"{MIND.pattern}|{BECAUSE.pattern}", re.I)

# What would be, if.
WOULD = re.compile(
    r"\b(?:would|could|might)(?:n't| not)? (?:then |now |still |no longer |also |immediately )?"
    r"(?:have|be|turn|change|flip|become|come|go|give|say|answer|drop|rise|call|label|read|predict|reverse|fall|switch"
    r"|tip|move|stay)",
    re.I,
)
IF = said(r"if|had|were")
FLIPS = said(r"flip\w*|revers\w+|chang\w+ (?:the )?(?:label|verdict|prediction|answer|outcome)")
STAYS = said(
    r"stay\w*|remain\w*|still|sticks?|stuck|keeps?|kept|holds?|unchanged|the same (?:label|verdict|answer)",
)
DID_NOT = re.compile(r"\b(?:did|do|does|would|could)(?: not|n['’]t)\b", re.I)
# Several words were removed, one after another: which of them is not said.
MANY = re.compile(r"\beach word\b|\bin turn\b|\bone (?:at a time|by one)\b")
SEVERAL = re.compile(rf"{MANY.pattern}|\b(?:both|either|each|all|tests|ablations)\b", re.I)

# Whatever would be a claim, or begin a clause, were it not quoted.
CLAIMING = (
    TURN, FOR, AGAINST, SAME, JOINS, MOST, ORDINAL, DOWN, UP, REMOVAL, UNSURE, FAIRLY, CERTAIN, CONFIDENT, CAUSE, WOULD,
    FLIPS, STAYS, DID_NOT,
)  # fmt: skip
