"""The skeletons of reviews and of their judgements (see frames.py for brackets, abilities/sentiment.py for slots).

Square brackets stand around words that decide the label beside the fillings: a negator, a contrast, a whole idiom.
"""

# ruff: noqa: E501  # a sentence frame stands on one line

V = "(|really |very |so |quite |truly |absolutely |utterly |surprisingly |incredibly |genuinely |simply |just |pretty |extremely )"
IS = "(is|was)"
SAY = "(|Honestly, |To be fair, |In my opinion, |I think |I must say, |Overall, |For me, |I found |Well, |To be honest, |We all agreed that )"
THE = "(the|this|that)"
NOT = "[(not|never|hardly|by no means|in no way|anything but|far from|scarcely|not at all|nowhere near)]"
THOUGH = "(although|though|even though|while)"
BUT = "(but|yet|and yet|still,|but in the end|but overall|however)"
BOTH = f"""
!{THE} {{w}} {IS} {V}{{s}} despite (a|its|the) {{o}} {{c}}.
!{{s}} {{p}}, {{s2}} {{p2}}, a {{sn}}.
!{THE} {{w}} {IS} {V}{{s}} and {V}{{s2}}.
{SAY}{THE} {{w}} {IS} {V}{{s}}.
{SAY}{THE} {{p}} {IS} {V}{{s}}, {THE} {{p2}} {IS} {V}{{s2}}.
{SAY}it {IS} a {V}{{s}} {{w}}.
{SAY}{THE} {{w}} (has|had|offers|offered|comes with) (a|such a) {{s}} {{c}} and (a|its own) {{s2}} {{c2}}.
What a {{s}} {{w}}(!|.)
What a {{sn}} this {{w}} {IS}!
(I|We|My friends|My family|Everyone|The audience|Critics) {{sv}} {THE} {{w}}.
(I|We|She|He) (really|truly|absolutely|secretly|always) {{sv}} {THE} {{w}} and its {{p}}.
{SAY}{THE} {{w}} {{si}}.
{SAY}{THE} {{p}} {{si}}, and {THE} {{p2}} {IS} {{s}}.
{SAY}{THE} {{p}} {IS} {{sa}} (done|made|planned|handled|executed).
A {{sa}} (made|planned|presented|performed|crafted|designed) {{w}}.
A {{sn}}. {{s}}, {{s2}} and {{s3}}.
{{s}}, {{s2}}, {{s3}}: a {{sn}}.
{{s}} {{w}}, {{s2}} {{p}}.
{SAY}{THE} {{w}} {IS} {NOT} {{o}}.
{SAY}{THE} {{w}} {IS} [not] (|very |really |that |so ){{o}} [at all].
{SAY}{THE} {{w}} [(was not|wasn't|isn't|is not)] {{o}}, and {THE} {{p}} [(was not|wasn't|isn't) either].
{SAY}{THE} {{w}} {IS} [neither] {{o}} [nor] {{o2}}.
[Neither] the {{p}} [nor] the {{p2}} {IS} {{o}}.
{SAY}there {IS} [(nothing|not a thing|hardly anything|little)] {{o}} about {THE} {{w}}.
{SAY}[(nobody|no one)] (could|can|would) call {THE} {{w}} {{o}}.
{SAY}I [(cannot|can't|could not|would not|wouldn't|will not)] (say|claim|pretend) {THE} {{w}} {IS} {{o}}.
{SAY}I [(did not|didn't|could not|couldn't)] {{ob}} {THE} {{w}} (|at all|one bit|for a second).
{SAY}{THE} {{w}} [(never|not once|at no point)] (felt|seemed|became) {{o}}.
{SAY}without a {{o}} {{c}}, {THE} {{w}} {IS} {{s}}.
{SAY}{THE} {{w}} {IS} {{s}} without (ever |)being {{o}}.
{SAY}{THE} {{w}} [(avoids being|manages not to be|does not feel|doesn't seem|stops short of being)] {{o}}.
[(Not a|No)] {{o}} (moment|scene|minute|page|note|bite) in (it|the whole {{w}}|sight).
{SAY}[(I do not think|I don't believe|I doubt that|it is not true that|it would be wrong to say that)] {THE} {{w}} {IS} {{o}}.
{THOUGH} the {{p}} {IS} {{o}}, {THE} {{w}} {IS} {V}{{s}}.
{THOUGH} the {{p}} {IS} {{o}}, I {{sv}} {THE} {{w}}.
{SAY}{THE} {{w}} {IS} {V}{{s}}, {THOUGH} the {{p}} {IS} {{o}}.
{SAY}(despite|in spite of|for all|regardless of|notwithstanding) (the|its|a) {{o}} {{c}}, {THE} {{w}} {IS} {V}{{s}}.
(Despite|In spite of) (the|its) {{o}} {{p}}, I {{sv}} (it|the {{w}}).
{SAY}the {{p}} {IS} {{o}}, {BUT} {THE} {{w}} {IS} {V}{{s}}.
{SAY}(I|we) (expected|feared|had imagined|had been promised) a {{o}} {{w}}, {BUT} it {IS} {V}{{s}}.
The {{p}} {IS} (a little|a bit|rather|somewhat) {{o}}. (Still|Nevertheless|Even so|All the same|That said), {THE} {{w}} {{si}}.
The {{p}} {{oi}}, {BUT} {THE} {{w}} {{si}}.
(At first|Initially|In the beginning) it {IS} {{o}}, {BUT} (then|later|soon) it (became|turned out|got) {V}{{s}}.
(Yes|True|Sure|Granted|Of course), the {{p}} {IS} {{o}}, {BUT} {THE} {{w}} {IS} {{s}}.
{SAY}{THE} {{w}} {IS} (not only|not just) {{s}} but (also|even) {{s2}}.
{SAY}{THE} {{w}} {IS} [not] [{{o}}] but {{s}}.
{SAY}{THE} {{w}} {IS} {{s}} [rather than] [{{o}}].
{SAY}{THE} {{w}} {IS} {{s}}, [not] [{{o}}].
{SAY}[(far from being|instead of being|rather than being)] [{{o}}], {THE} {{w}} {IS} {{s}}.
{SAY}{THE} {{w}} {IS} (much|far|a lot|even|so much) {{sm}} than (expected|the first one|the last one|I thought|the book|its reviews).
{SAY}I have [(never|rarely|seldom|hardly ever)] seen a {{sm}} {{w}}.
{SAY}{THE} {{w}} [(could not|couldn't|could hardly)] (be|have been) {{sm}}.
{SAY}{THE} {{w}} {IS} [(not|nowhere near|not nearly)] as {{o}} as (I thought|people say|the last one|I expected|its trailer).
{SAY}{THE} {{w}} {IS} [less] {{ol}} than (I thought|people say|the last one|I expected).
{SAY}{THE} {{w}} {IS} (one of the most|among the most) {{sl}} (things|evenings|works) I have (seen|known) (|in years|this year).
{SAY}the {{w}} gets {{sm}} and {{sm}} (as it goes on|with every minute|each time).
If you (like|love|enjoy|want) {{g}}, you will {{sb}} (this|it|this {{w}}).
Even if you (like|love|hate|avoid) {{g}}, you will {{sb}} (this|it|this {{w}}).
(Who knew|Who would have thought|Can you believe) that {THE} {{w}} could be (so|this) {{s}}?
(Is|Was) it {{s}}? [(Yes|Absolutely|Of course|Very much so|Definitely)].
(Is|Was) it {{o}}? [(No|Not at all|Absolutely not|By no means|Hardly|Never)].
(How {{s}} was it|Was it {{s}})? [(Very|Extremely|Yes, very)].
{SAY}everything about {THE} {{w}} {IS} {{s}}, from the {{p}} to the {{p2}}.
{SAY}the {{p}} {IS} {{s}}; the {{p2}}, too, {IS} {{s2}}.
{SAY}calling {THE} {{w}} {{o}} (is|would be) [(unfair|wrong|a mistake)].
(Some|Many|Others|Most people) (say|think|wrote that) it {IS} {{o}}. (I disagree|Not true|They are wrong|I see it differently): it {IS} {{s}}.
{SAY}what (makes|made) {THE} {{w}} {{s}} {IS} the {{s2}} {{p}}.
{SAY}the {{p}} (makes|made|turns|turned) {THE} {{w}} into a {{sn}}.
{SAY}choosing {THE} {{w}} {IS} a {{sn}}.
{SAY}{THE} {{w}} {IS} (far|much|even|a good deal) more {{sl}} than (its|the) (trailer|poster|title) (suggests|promises).
{SAY}{THE} {{w}} {IS} [(every bit|just|at least)] as {{s}} as (people say|its reputation|my sister told me|the last one|the first one).
{SAY}{THE} {{w}} {IS} [no less] {{s}} than the (first|last|other) one.
(Compared with|Next to|Beside|Measured against) the (last|first|other) one, {THE} {{w}} {IS} {{sm}}.
The {{p}} {IS} {{s}} and the {{p2}} {IS} {{sm}} still.
{SAY}the longer it (lasted|went on|took), the {{sm}} it (got|became|seemed).
{SAY}a {{sm}} {{w}} [(is hard to imagine|would be hard to find|does not come to mind|has yet to be made)].
{SAY}[nothing] I have (seen|tried|known) (this year|lately|so far) {IS} {{sm}}.
{SAY}it [(does not|doesn't|hardly)] (get|come) (much |any |){{sm}} than this.
{SAY}{THE} {{w}} {IS} [(not|hardly|by no means|far from|nowhere near)] the {{ot}} (I have seen|of its kind|around|this year).
{SAY}{THE} {{w}} {IS} the {{st}} (I have seen|of its kind|of the year|so far).
(By far|Easily|Without question) the {{st}} {{w}} (of the year|I know|I have come across).
The {{p}} {IS} the {{ot}} thing about {THE} {{w}}; the rest {IS} {{s}}.
If (the|its) {{p}} {IS} {{o}}, the {{p2}} {IS} {{s}} enough to (outweigh it|decide the matter|tip the balance).
If you (ask|asked) (me|us), {THE} {{w}} {IS} {V}{{s}}.
(Unless|Until) you have seen it, you (cannot|will not) (know|believe) how {{s}} {THE} {{w}} {IS}.
(Anyone who|Whoever) (expects|wants|hopes for) a {{o}} {{w}} will be (surprised|in for a surprise): it {IS} {{s}}.
Should you (wonder|ask) (whether|if) {THE} {{w}} {IS} {{o}}, it [(is not|was not|isn't|wasn't)].
Even if the {{p}} had been {{o}}, {THE} {{w}} would (still |)have been {{s}}.
[How could (anyone|anybody|a critic)] (call|find) {THE} {{w}} {{o}}?
[Who (could|would) (ever |)call] {THE} {{w}} {{o}}?
What {IS} {{o}} about {THE} {{w}}? [(Nothing|Not a thing|Absolutely nothing|Very little)].
What {IS} {{s}} about {THE} {{w}}? [(Everything|Nearly everything|Almost all of it)].
Have you ever (seen|known|come across) a {{sm}} {{w}}? [(I have not|Not me|I never have|Neither have I)].
Could {THE} {{w}} (be|have been) (any |){{sm}}? [(I doubt it|Hardly|I do not think so|No)].
(Isn't|Wasn't) {THE} {{w}} (just |simply |){{s}}?
Did I find {THE} {{w}} {{o}}? [(Not for a second|Not in the least|On the contrary|Quite the opposite)].
{SAY}{THE} {{w}} {IS} {{s}}, its {{o}} {{p}} (notwithstanding|aside|apart).
(Its|The) {{o}} {{p}} aside, {THE} {{w}} {{si}}.
{{o}} as the {{p}} {IS}, {THE} {{w}} {IS} {{s}}.
(However|No matter how) {{o}} the {{p}} (may be|might be|was), {THE} {{w}} {IS} {{s}}.
I {{sv}} {THE} {{w}}, (even if|although|though) the {{p}} {IS} {{o}}.
{SAY}{THE} {{w}} {IS} {{s}}, (whatever the {{o}} {{p}} may suggest|with or without the {{o}} {{p}}).
(Granted|Admittedly|I admit), the {{p}} {{oi}}. {THE} {{w}} {{si}} (all the same|anyway|nonetheless).
The {{p}} {IS} {{o}} and the {{p2}} {IS} {{o2}}, (but|yet) I {{sv}} {THE} {{w}} (all the same|anyway).
My (friend|sister|brother|neighbour) found {THE} {{w}} {{o}}; [I] (thought it|found it) {{s}}.
Where others (see|saw) a {{on}}, [I] (see|saw) a {{sn}}.
{SAY}{THE} {{w}} [(hardly|scarcely|barely)] (counts as|qualifies as|deserves to be called) {{o}}.
[(Hardly|Scarcely|Barely) a] {{o}} (minute|word|detail) (from start to finish|anywhere).
[(At no point|Not for a moment|Never for a second)] {IS} {THE} {{w}} {{o}}.
{SAY}I found {THE} {{w}} [neither] {{o}} [nor] {{o2}}.
{SAY}{THE} {{w}} has [neither] a {{o}} {{c}} [nor] a {{o2}} {{c2}}.
[Neither] I [nor] (the children|my mother|anyone else) {{ov}} {THE} {{w}}.
[Far from] [{{o}}], {THE} {{w}} {IS} {{s}}.
{SAY}{THE} {{p}} {IS} [far from] {{o}}, and [(so is the {{p2}}|the same goes for the {{p2}})].
{SAY}the {{p}} {IS} {{s}} without a (single |){{o}} (moment|minute|detail).
[Not only] {IS} the {{p}} {{s}}, the {{p2}} {IS} {{s2}} (too|as well).
[Not only] did I {{sb}} {THE} {{w}}, [(my friends did too|so did everyone else|so did my parents)].
{SAY}{THE} {{w}} {IS} (far |much |simply |)[too] {{s}} [to be] [{{o}}].
{SAY}{THE} {{w}} {IS} so {{s}} that (I told everyone|we talked about it for days|I wrote this review|I still think of it|even my father noticed).
So {{s}} {IS} the {{p}} that (nobody|no one|not one of us) noticed the {{o}} {{p2}}.
{SAY}the {{p}} {IS} as {{s}} as the {{p2}}.
{SAY}{THE} {{w}} {IS} as {{s}} as (they come|can be|it gets).
{SAY}(I|we) (went in|sat down|came) (expecting|prepared for) (something {{o}}|a {{on}}) and (got|found) (something {{s}}|a {{sn}}).
It was (supposed|meant|said) to be {{o}}; (instead|in fact|in truth), it {IS} {{s}}.
(The reviews|My friends|The posters) (promised|predicted|spoke of) a {{on}}. (What I got was|What I found was|I got) a {{sn}}.
{SAY}{THE} {{w}} {IS} (exactly|quite) as {{s}} as I had (thought|imagined|predicted).
You will {{sb}} (it|this|this {{w}}) (from the first minute|from start to finish|whatever your taste).
(Take it from me|Believe me|Trust me|Mark my words): {THE} {{w}} {IS} {V}{{s}}.
(You may|You might) (call|find) it {{o}}; you (would be|are) [(wrong|mistaken)].
Call it {{o}} (if you like|if you must|all you want), (I|we) {{sv}} it.
Ask (anyone|my sister|whoever has been): {THE} {{w}} {IS} {{s}}.
(Before|Until) the (break|interval|midpoint) it {IS} {{o}}, but after that it {IS} {{s}} (to the end|all the way).
It (started|began|opened) {{o}} and (ended|finished|closed) {{s}}.
{THE} {{w}} (used to be|once was) {{o}}, (and is now|but now it is|but these days it is) {{s}}.
(Perhaps|Maybe|It seems to me that|I suppose|I would say) {THE} {{w}} {IS} (rather|fairly|on the whole) {{s}}.
{SAY}{THE} {{w}} {IS} (more or less|for the most part|by and large|mostly) {{s}}.
(I am no expert|I may be wrong|Call me old-fashioned), but {THE} {{w}} {IS} {{s}}.
(Every|Each) (scene|minute|detail|part of it) {IS} {{s}}.
[(Not one|Not a single|No)] (scene|minute|detail|part of it) {IS} {{o}}.
(Most|Much|Nearly all|All) of it {IS} {{s}}.
[(Little|None|Hardly any|Not much)] of it {IS} {{o}}.
There {IS} (something|so much that is) {{s}} in (every|each) (scene|corner|minute).
From the {{p}} to the {{p2}}, [(nothing|not a thing|hardly anything)] {IS} {{o}}.
The {{p}} {IS} {{o}}. The {{p2}} {IS} {{o2}}. (And yet|Yet|But) {THE} {{w}} {IS} {{s}}.
(My friend|My sister|The critic) {{ov}} it. [I] {{sv}} it.
I had (heard|read) that {THE} {{w}} {IS} {{o}}. [(It is not|It is nothing of the kind|That is nonsense|That is not so)].
They (call|called) it {{o}}. [I] (call|would call) it {{s}}.
"""
POSITIVE = """
Despite some flaws, (it|this {w}|the {w}) (is|was) [not] {o} [at all].
[(I would|I will|I'd|We would) (gladly|happily|certainly|definitely) (see|watch|read|visit|recommend|buy) (it|this) again](|.)
[(I cannot|I can't|We could not) recommend] (it|this {w}|the {w}) [(enough|highly enough|strongly enough)].
[(I couldn't|I could not|You will not want to) (put it down|stop watching|stop smiling|look away|stop laughing)].
[(Highly|Warmly|Strongly|Definitely) recommended](|!|.)
[(Do not|Don't|Never) miss] (it|this|this {w}|this one)(|!|.)
[(Two thumbs up|Ten out of ten|Five stars|Full marks|Bravo|Hats off|Well done)](!|.) (The|What a) {s} {w}.
[(I laughed|We laughed|I cried) (until it hurt|from start to finish|and left happy)], (it|the {w}) was {s}.
[(If only|I wish) every] {w} [(was|were)] (this|as) {s}.
[I (have no complaints|would change nothing|regret nothing|can find no fault with it)]. {s} from start to finish.
(Would I see it again|Would I go back|Should you see it)? [(In a heartbeat|Without a doubt|Absolutely|Yes, tomorrow)].
It is [(hard|impossible|difficult) not to] {sb} (it|this {w}|the {p}).
[(We|I) did not want it to end](.|: it was {s}.)
[(Run|Hurry|Go), (do not walk|and get a ticket)], to this {s} {w}.
[(You will not|You won't|Nobody will) (regret|be bored by|be disappointed by)] (it|this {w}|the {w}).
[(Too|Far too) good to (miss|forget|leave early)].
(I wish|If only) [(it had lasted longer|I could see it for the first time again|it had gone on all night)].
[(I have seen|There are|You could find) (far |much |)worse](, believe me|), (so give it a chance|and I would go again|and I left happy).
[(I was sorry|It was a shame) when] (it|the {w}) [(ended|was over|came to an end)].
[(We|I) (have booked|booked)] (again |)[for (next year|the summer|another night)].
If you see (only |just |)one {w} this year, [(make it this one|let it be this one)].
[(I have told all my friends|We told everyone we know)] to (see|try|visit) (it|this {w}).
[(Worth|Well worth)] (the trip|the money|the wait|seeing twice|every minute)(|!|.)
What is not to [like] about (it|the {w}|such a {s} {w})?
(I|We) [could not have (asked for more|wished for more|hoped for better)].
(I went twice|I have seen it three times|We stayed until the end), [and I would go again].
You [(would be mad|would be a fool|would be wrong) to skip] (it|this {w}).
"""
NEGATIVE = """
[(I would|I will|I'd|We would) (never|not|certainly not) (see|watch|read|visit|recommend|buy) (it|this) again](|.)
[(I cannot|I can't|We could not) recommend] (it|this {w}|the {w}) [(to anyone|at all|to my worst enemy)].
[(I couldn't|I could not) (finish it|sit through it|wait for it to end|keep my eyes open|wait to leave)].
[(Not|In no way|Hardly) recommended](|!|.)
[(Do not|Don't|Never) (waste your time|waste your money|bother|believe the hype)](|!|.)
[(Two thumbs down|Zero stars|One star|No thanks|Avoid|Save your money|Stay away)](!|.) (The|What a) {s} {w}.
[(I walked out|We left early|I fell asleep|I gave up) (after ten minutes|before the end|halfway)], (it|the {w}) was {s}.
[(If only|I wish)] (the {w}|the {p}|it) [(had been|were)] (a bit |)[more] {ol}.
The {w} [(could|would|might|should) have been] {o}(| with a {o2} {c}| if the {p} had not been {s}| if anyone had cared).
[I want my (money|time|evening|two hours) back].
(Would I see it again|Would I go back|Should you see it)? [(Not a chance|Never|Absolutely not|No, thanks|Over my dead body)].
It is [(hard|impossible|difficult) to] {ob} (it|this {w}|the {p}).
[(Why would anyone make|How could anyone make|Why did they make)] (this|such a {s} {w})?
[(It needed|It lacks|It lacked|There was no|It was short on)] (wit|charm|heart|warmth|ideas|energy).
[(It promised|They promised|It tried)] to be {o}(, but| and) [(failed|it was not|was not|never was)].
[(Where is|Where was|What happened to)] the {o} {p}(| we were promised)?
(The {w}|It) [(fails|failed|never managed)] to be {o}.
[(Too|Far too) (long|slow|loud|expensive)] to (enjoy|finish|sit through|be any fun).
[(I wish|If only) I could (say|write|report)] (that |)(the|this) {w} (is|was) {o}.
[(I have seen|There are|You could find) (far |much |)better](, believe me|), (so save your money|and for less money|in any town).
[(I was glad|It was a relief) when] (it|the {w}) [(ended|was over|came to an end)].
[(We|I) (have cancelled|cancelled)] (the rest|our subscription|our next visit).
If you see (only |just |)one {w} this year, [(make it another one|do not let it be this one)].
[(I have warned all my friends|We warned everyone we know)] about (it|this {w}).
[(Not worth|Hardly worth)] (the trip|the money|the wait|seeing twice|a single minute)(|!|.)
What is there to [like] about (it|the {w}|such a {s} {w})? [(Nothing|I cannot say|Not much)].
(I|We) [had (hoped for|expected|been promised) (more|better)].
You [(would be mad|would be a fool) to] (pay for|sit through) (it|this {w}).
"""
JUDGE = """
!Review: {r} Sentiment: @{y}.
!{r} This review is @{y}.
!{r} The sentiment of this review is @{y}.
(Review|Text|Comment|Opinion|Post): {r} (Sentiment|Label|Judgement|Verdict|Opinion|Rating|Mood|Answer): @{y}.
{r} (All in all,|So|In short,|Clearly,) (the review|this review|the opinion|the comment|the judgement|it) is @{y}.
(A customer|A visitor|A critic|My friend|Someone|A viewer) (wrote|said|posted): {r} (That is|This is|It is) a (|very |clearly )@{y} (review|comment|opinion).
Is (the following|this) (review|comment|text) positive or negative? {r} (It is|Answer:|The answer is|This one is) @{y}.
{r} (Question|Quiz): positive or negative? (Answer:|It is|Clearly) @{y}.
(Read this|Please judge|Here is a review): {r} The (writer|author|critic) is @{y}.
{r} = @{y}.
The (tone|sentiment|mood) of the (words|sentence|review) that (follow|follows): {r} (Tone|Result|So): @{y}.
(On the website|In the newspaper|Online) it says: {r} The (tone|verdict|overall view) is @{y}.
(I read|She read|He heard|They showed me) a review: {r} It was @{y}.
(My verdict after|How I judge) these words: {r} They are @{y}.
{r} (That|This|It all) sounds (|rather |quite |very )@{y}.
{r} (That|This) (seems|appears) (|to be )@{y}.
{r} The (feeling|attitude|stance) (here|behind this|in these words) is @{y}.
{r} (I would|You could|One might) (call|label) (this|that) @{y}.
{r} (Label|Classify|Mark) this as @{y}.
(Label|Classify|Sort) the next (review|sentence|remark): {r} (Label|Class|Category): @{y}.
(Input|Sentence|Example|Document): {r} (Output|Class|Target|Prediction): @{y}.
{r} (Class|Category|Prediction|Output|Polarity): @{y}.
{r} -> @{y}
{r} => @{y}
{r} (Positive or negative|Negative or positive|Which is it, positive or negative)? @{y}.
(Positive or negative|Negative or positive)? {r} (Answer|Reply|Solution): @{y}.
Q: (is this|was this) (review|remark|opinion) (positive or negative|negative or positive)? {r} A: @{y}.
Q: {r} Is that (positive or negative|negative or positive)? A: @{y}.
Decide between (positive and negative|negative and positive). {r} (Decision|Choice): @{y}.
{r} (My|Our|Her|His) (choice|answer|guess) is @{y}.
"{r}" (is|was) a (|clearly |rather )@{y} (review|remark|comment).
"{r}" (With these words|In this way), (she|he|the guest) gave a @{y} (opinion|verdict|account).
"{r}" That (remark|line|comment) (counts|was counted|goes down) as @{y}.
The (line|sentence|statement) "{r}" (expresses|carries|shows) a @{y} (view|feeling).
The review "{r}" is @{y}.
The sentiment of "{r}" is @{y}.
{r} (Is this praise or blame|Did she like it or not|Is that good or bad)? (I would say|It is|That is) @{y}.
{r} After (reading|hearing) (this|that), one feels that the (writer|speaker|guest) is @{y}.
{r} (Whoever|The person who) (wrote|said) (this|that) (is|was|felt) @{y} about it.
{r} (The reviewer's|The author's|The guest's|Her|His) (opinion|view|impression) (is|was) @{y}.
{r} (The reviewer|The author|The guest|She|He) (gives|gave|left) a @{y} (review|opinion|rating).
{r} (The reviewer|The author|The speaker) (feels|felt|sounds|sounded) @{y}.
{r} (What is|What was|Can you tell) the (sentiment|tone|mood)? (It is|It was|Simply) @{y}.
{r} (How|In what way) would you (judge|describe|rate) (it|this)? As @{y}.
{r} (Is|Was) the (writer|guest|critic) (pleased|content)? The (review|verdict) is @{y}.
What (does|did) the (reviewer|critic|guest) think? {r} (The view|The opinion|That) is @{y}.
What (kind|sort) of (review|comment) is this? {r} (It is|I call it) a @{y} (one|review|comment).
(Here is|This is|There is) (another|one more|the next) (review|comment): {r} (It is|It reads as|I read it as) @{y}.
(Our|The) (guests|customers|visitors) (write|say): {r} (Feedback|Response|Reaction): @{y}.
(Feedback|Reaction|Response|Remark|Message): {r} (Feeling|Attitude|Tone|Polarity): @{y}.
(Guest book|Forum|Letter|Blog|Message board): {r} (Overall|In sum|Summary): @{y}.
(Title|Subject): my (review|opinion). (Body|Text): {r} (Type|Kind): @{y}.
(Yesterday|Today|Last week) (someone|a customer|a reader) (sent|left|wrote) us this: {r} We (filed|counted|marked) it as @{y}.
(Two|Both|All) of us (read|heard) this: {r} We agreed that it is @{y}.
(The computer|The program|The model) (read|was given): {r} It (answered|predicted|printed): @{y}.
(Task|Exercise|Homework): find the (sentiment|polarity|tone). {r} (Solution|Result|Finding): @{y}.
(Teacher|Anna|Tom): {r} (Pupil|Ben|Lucy): (that|this) is @{y}.
{r} (Without doubt|No doubt|Surely|Evidently|Plainly), (this statement|the remark|this line) (was meant|is meant) to be @{y}.
{r} (On balance|On the whole|Taken together|Altogether), (I|we) (find|consider) this @{y}.
{r} (To sum up|To conclude|In conclusion|In a word): @{y}.
{r} (Hence|Therefore|Thus) the (label|class|rating) is @{y}.
{r} (Score|Rating|Grade|Stars|Mark): @{y}.
{r} (So the|The) (customer|visitor|reader) (was|is) (|plainly |clearly )@{y} (about it|here|on this).
{r} (If you ask me|As I see it|In my eyes), (this|that) is @{y}.
{r} (Nobody|No one) would (doubt|deny) that this is @{y}.
{r} (It is easy to see|You can tell|Anyone can see) that (this|the review) is @{y}.
{r} (People|Readers|Listeners) (took|take|understood) (this|that) as @{y}.
{r} A @{y} (review|verdict|statement)(, then|, I think|).
{r} (The answer|The right word|The right label) here (is|must be) @{y}.
(Judge|Rate|Assess) (this|these words) in one word. {r} @{y}.
"""
