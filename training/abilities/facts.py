"""Facts: landmark to city, country to capital, language and continent, person to profession.

A held-out case never asks for a fact that training withheld, which could not be known: it asks for a known fact in a
frame in which that fact (`pair`), or any fact (`frame`, `skeleton`), was never said.
"""

from random import Random
from typing import NamedTuple

from training.frames import Case, fill, make_grammar, split_of
from training.lexicon import CONTINENTS, COUNTRIES, LANDMARKS, PEOPLE, article

NAME = "facts"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.12

SAY = "(|In fact, |As we know, |Of course, |It is true that |Everyone knows that |I read that |The book says that |It is well known that )"
ASK = "(|Question: |Quiz: |Please tell me: |A question: )"
FORM = "(True or false|Right or wrong|Fill the gap|Complete the sentence|Finish the sentence)"
QUIZ = "(Q|Quiz question|Riddle|Question one)"
REPLY = "(A|Reply|Solution|Answer)"
DEAR = "(Dear|My dear) (friend|mother|teacher|sister)"
NEWS = "(News|Breaking news|Report|Notice)"
DAY = "(Day one|Day two|The first day|The last day)"

CITY = f"""
!{{x}} is located in the city of @{{y}}.
!{{x}} is in @{{y}}.
{SAY}{{x}} (is|stands|lies|can be found|can be seen|is found|is situated|is located) (in|in the city of|in the heart of|in the middle of|in the centre of) @{{y}}.
{SAY}{{x}} (is|was built|was opened|still stands) (in the great city of|in the old city of|in the beautiful city of) @{{y}}.
{SAY}(tourists|travellers|visitors|people|families) (go|travel|come) to see {{x}} in @{{y}}.
{SAY}(the city|the town|the home) of {{x}} is @{{y}}.
{SAY}the (city|place) (where you can see|where you can visit|that is home to|that is famous for|known for) {{x}} is @{{y}}.
(To see|To visit|To photograph|To find|If you want to see|If you wish to visit) {{x}}, (you must go to|you should travel to|take a train to|fly to|book a trip to|go to) @{{y}}.
(We|They|My parents|Our friends|The students) (visited|saw|photographed|looked at|walked around|admired) {{x}} during (a trip to|a visit to|a weekend in|a holiday in|our stay in) @{{y}}.
{ASK}(where is|where can I find|in which city is|in what city is) {{x}}? (Answer: |It is in |The answer is |In )@{{y}}.
{SAY}{{x}} is (a famous|a well-known|a popular|the best known|a much loved) (sight|landmark|place|attraction) (in|of) @{{y}}.
(While|When|One day when) (she was|he was|we were|they were) in front of {{x}}, (she called|he called|we called|they called) a friend and said: I am in @{{y}}.
(The train|The bus|The flight|A taxi) took us to {{x}}, (so|and) we (were|had arrived|got off) in @{{y}}.
(I live|She lives|He works|They live|We stayed) near {{x}}, (which is|which stands|right) in @{{y}}.
(Postcard|Photo|Picture|Painting) of {{x}}, @{{y}}.
(Place|Landmark|Sight): {{x}}. (City|Town|Location): @{{y}}.
(My favourite sight|What I liked most|The best part) was {{x}}, (so|and) I want to go back to @{{y}}.
{SAY}{{x}} (belongs to|is part of|is the pride of|is a symbol of|makes me think of) the city of @{{y}}.
(Nobody|No one) (can miss|forgets|should miss) {{x}} (when|while) (visiting|staying in|walking through|travelling to) @{{y}}.
(The guide|The teacher|Our driver|A local man) (told us|explained|said) that {{x}} (is|stands) in @{{y}}.
(Standing|Waiting|Sitting) (beside|near|in front of) {{x}}, you are in @{{y}}.
It is in @{{y}} that (you will find|you can see|people visit) {{x}}.
(A hotel|A cafe|A small shop|A museum) (close to|next to|near|opposite) {{x}} (opened|closed|was sold) last year in @{{y}}.
(There is|You can find|You will see) a (street|square|station) (close to|near) {{x}} in (the middle of|central|downtown) @{{y}}.
(I|We|She|He) (wrote|sent|posted) a (letter|card|note) from {{x}} and named the city on it: @{{y}}.
{DEAR}, today we (saw|visited|passed) {{x}}; it is (sunny|cold|raining|warm) here in @{{y}}.
{DAY}: {{x}}, then (dinner|a walk|a concert|a rest) in the old town of @{{y}}.
{FORM}: {{x}} (stands|is|lies) in the city of @{{y}}.
{QUIZ}: which city is (famous for|home to|proud of) {{x}}? {REPLY}: @{{y}}.
If {{x}} is (on the cover|in the picture|on the stamp), the city (must be|can only be|has to be) @{{y}}.
(She|He|My brother|The pilot) dreamed of {{x}} and (bought|booked|found) a ticket to @{{y}}.
(How far|How long) is the walk from {{x}} to the (station|hotel|airport|river) in @{{y}}?
(The film|The novel|The story|The song) (begins|ends|opens) at {{x}}, (deep|somewhere|right|at night) in @{{y}}.
(Thousands|Millions|Crowds) of people (queue|wait|line up) at {{x}} every (summer|year|spring) in @{{y}}.
Ask (any child|any driver|a local man) the way to {{x}} when you are (lost in|new to|alone in) @{{y}}.
Both {{x}} and the (hotel|park|market) (beside it|behind it|across the street) are in @{{y}}.
{NEWS}: a (fire|crowd|storm|concert) near {{x}} in @{{y}}.
(The map|The guidebook|The leaflet) (shows|lists|mentions) {{x}} on the page (about|for|on) @{{y}}.
(Because|Since|As) {{x}} is (there|so famous|so beautiful), (many|most|all) tourists choose @{{y}}.
(From the window|From the roof|From our room|From the bus) we (saw|could see|looked at) {{x}} and the lights of @{{y}}.
(Match|Pair|Link) each sight with its city: {{x}} goes with @{{y}}.
{{x}}, (however|of course|as I said|I think), is (nowhere else but in|only in|in) @{{y}}.
(A friend|A guide|A student|A painter) who lives (behind|opposite|close to) {{x}} showed us the streets of @{{y}}.
(List of sights|Table of sights|Sights of the world): {{x}} - @{{y}}.
(Have you|Have they|Has she|Has he) (ever seen|already visited|been to) {{x}} in @{{y}}?
(Last summer|Last spring|Two years ago), a (storm|fire|flood) (damaged|closed|reached) {{x}}, and all were sad in @{{y}}.
The (people|children|painters|guards) who (love|clean|paint|watch) {{x}} (live|were born|work) in @{{y}}.
(Because of|Thanks to|Through) {{x}}, (everyone|the whole world|every tourist) knows the name of @{{y}}.
(We landed late|We were tired), but in the morning we saw {{x}}: we (were really|had arrived|woke up) in @{{y}}.
"Where is {{x}}?" (asked|said) (the teacher|my sister|the boy). "In @{{y}}," (I said|we said).
"""
CAPITAL = f"""
!The capital of {{x}} is @{{y}}.
{SAY}the (capital|capital city|main city|seat of government) of {{x}} (is called|is the city of|is known as) @{{y}}.
(It is true that|Everyone knows that|I read that|She says that|We learn that) the (capital|capital city|main city|seat of government) of {{x}} is @{{y}}.
{SAY}{{x}} has (its capital|its capital city|its government|its parliament) in @{{y}}.
{SAY}{{x}}'s (capital|capital city|seat of government) is (|called |the city of )@{{y}}.
{SAY}the (government|parliament|president|king) of {{x}} (sits|meets|works|is) in @{{y}}.
{ASK}(what is|who can name|what do we call|can you name) the (capital|capital city) of {{x}}? (|Answer: |It is |The answer is |The capital is )@{{y}}.
(Country|Nation|State): {{x}}. (Capital|Capital city|Seat of government): @{{y}}.
(We|They|She|He|The students) travelled (through|across|around) {{x}} and (ended|stopped|stayed|arrived) in the capital, @{{y}}.
(If|When) you (go to|visit|fly to|travel to) {{x}}, (you will land in|start in|do not miss|you should see) the capital, @{{y}}.
(On the map|In the atlas|In my book) the capital of {{x}} is (marked as|shown as|given as|written as) @{{y}}.
{SAY}the city from which {{x}} is (ruled|governed|run) is @{{y}}.
(The embassy|The ministry|The central bank|The national museum) of {{x}} is in the capital, @{{y}}.
(Our teacher|My sister|The guide|My father) (asked|wanted to know) the capital of {{x}}, and (we|I|the class) (said|answered|wrote) @{{y}}.
(As it is|Because it is|Since it is) the capital of {{x}}, (everyone has heard of|people know|many people visit) @{{y}}.
{SAY}in {{x}}, the capital (city is|is called|is) @{{y}}.
(The president|The queen|A minister|A diplomat) of {{x}} (flew|returned|went|drove) home to @{{y}}.
(She|He|My uncle|Our neighbour) (moved|went) to {{x}} and (works|lives|found a job) in (the capital|the capital city), @{{y}}.
{SAY}there is no capital of {{x}} (other than|but|except) @{{y}}.
The largest (embassies|ministries) in {{x}} are in its capital city of @{{y}}.
{SAY}@{{y}} is the (capital|capital city|seat of government) of {{x}}.
{FORM}: the capital of {{x}} is @{{y}}.
(True or false|Right or wrong): {{x}} has a capital (called|named) @{{y}}.
{QUIZ}: which (city|town) is the capital of {{x}}? {REPLY}: @{{y}}.
{SAY}{{x}} is a (country|land|nation|state) (whose capital is|with its capital in|that is ruled from|governed from) @{{y}}.
(Match|Pair|Link) each country with its capital: {{x}} goes with @{{y}}.
(List of capitals|Table of capitals|Capitals of the world): {{x}} - @{{y}}.
{DEAR}, I am (now|still|back) in {{x}} and (live|work|study) in its capital, @{{y}}.
(The king|The president|The minister) of {{x}} (has a house|has an office|works every day) in the capital city of @{{y}}.
(Of all cities|Among the cities|Of the many towns) in {{x}}, the one that is the capital is @{{y}}.
{{x}} (chose|named|declared) as its capital (the city of|the old city of|the town of) @{{y}}.
(Laws|Taxes|Elections) in {{x}} are (decided|discussed|announced) in the capital, @{{y}}.
(The train|The bus|The road) that (crosses|runs through) {{x}} (ends|begins) in the capital, @{{y}}.
{DAY} in {{x}}: (museums|shopping|a walk|a concert) in the capital, @{{y}}.
(Children|Students|Pupils) in {{x}} (know|learn|write|sing) that their capital is @{{y}}.
(She|He|The boy|The girl) (pointed|looked) at {{x}} on the map and (named|read out|found) the capital: @{{y}}.
{NEWS} from {{x}}: (crowds|storms|elections|strikes) in the capital, @{{y}}.
How long is the (flight|drive|ride|trip) from the border of {{x}} to its capital, @{{y}}?
(An ambassador|A reporter|A general|A judge) in {{x}} (is sent to|works in|must live in) the seat of government, @{{y}}.
The (flag|army|parliament) of {{x}} can be seen (every day|on Sunday|in summer) in its capital: @{{y}}.
(No city|No town) in {{x}} is (more important|better known|more powerful) than its capital, @{{y}}.
For (a passport|a visa|a permit) from {{x}}, you (write|go|apply) to an office in its capital, @{{y}}.
{{x}}? (Its|The) capital (is|is surely|must be) @{{y}}.
(The team|The choir|The orchestra) of {{x}} (trains|meets|plays) in its capital, @{{y}}.
(I know|I can tell you|I remember|She asked me) (which city is|the name of) the capital of {{x}}: @{{y}}.
(The heart|The head|The first city) of {{x}} is its capital, (called |the city of |)@{{y}}.
(Say|Spell|Write down|Repeat) the capital of {{x}}: @{{y}}.
(Whoever|Anyone who) (rules|governs|leads) {{x}} (sits|lives|works) in its capital: @{{y}}.
The (airport|university|palace|zoo) in the capital of {{x}} (carries|bears) the name of the city: @{{y}}.
"What is the capital of {{x}}?" (asked|said) (the teacher|my sister|the guide). "It is @{{y}}," (I said|we said).
"""
LANGUAGE = f"""
{SAY}(people in|the people of|most people in|children in|families in) {{x}} (speak|use|talk in) @{{y}}.
{SAY}the (language|main language|official language|national language) (of|in) {{x}} is (|called )@{{y}}.
{ASK}(what language do they speak in|which language is spoken in|what is the language of|what do people speak in) {{x}}? (|Answer: |It is |The answer is |They speak )@{{y}}.
{SAY}in {{x}}, (people speak|they speak|the language is|one speaks|you will hear|the newspapers are in|the schools teach in) @{{y}}.
(Country|Nation|State): {{x}}. (Language|Tongue|Official language): @{{y}}.
(She|He|My friend|Our neighbour|The new student) (is|comes|arrived) from {{x}} and speaks (|fluent |perfect )@{{y}}.
(If|When) you (go to|visit|move to|travel to) {{x}}, (you should learn|it helps to know|you need|try to speak|you will hear) @{{y}}.
(Before|After) (she|he) (moved|went) to {{x}}, (she|he) (learned|studied|took lessons in|began to read) @{{y}}.
(The signs|The newspapers|The books|The songs|The films|The menus) in {{x}} are (written in|printed in|in|made in) @{{y}}.
(Born|Raised) in {{x}}, (she|he|the writer|the singer) (grew up speaking|first spoke|spoke|wrote in) @{{y}}.
(The ambassador|The president|The team|A singer) (from|of) {{x}} (spoke|gave a speech|answered|sang) in @{{y}}.
{SAY}{{x}} is a (country|place|land) where (people|they|almost all) (speak|use) @{{y}}.
(A letter|A card|A book|A message) from {{x}} (came|arrived), written in @{{y}}.
(The word|The poem|The recipe|The song) comes from {{x}}, so it is in @{{y}}.
(To work|To live|To study) in {{x}}, you (must|should|have to) (know|speak|understand) @{{y}}.
{SAY}@{{y}} is (spoken|the language|the official language|used every day) in {{x}}.
(My phone|The radio|The guide) in {{x}} (only spoke|was set to|switched to) @{{y}}.
(Nobody|No one) in {{x}} was (surprised|annoyed) that I (spoke|tried to speak) @{{y}}.
{FORM}: the language of {{x}} is @{{y}}.
(True or false|Right or wrong): in {{x}} (people|children|they) speak @{{y}}.
{QUIZ}: which language do (people|children) in {{x}} speak? {REPLY}: @{{y}}.
(Match|Pair|Link) each country with its language: {{x}} goes with @{{y}}.
(List of languages|Table of languages|Languages of the world): {{x}} - @{{y}}.
{DEAR}, I am (now|still|back) in {{x}} and (learn|practise|hear) a lot of @{{y}}.
{NEWS} from {{x}}: all (speeches|talks|questions) (were|will be) in @{{y}}.
(The first word|The first song|Every story) that (a child|a baby) hears in {{x}} is in @{{y}}.
(Ask|Greet|Thank) (the people|the waiter|a stranger) in {{x}} in (good|simple|polite|perfect) @{{y}}.
{DAY} in {{x}}: I (ordered|asked|answered) in (poor|bad|simple|perfect) @{{y}}.
(A dictionary|A grammar|A phrasebook) for (travellers|visitors) to {{x}} (must|should) explain @{{y}}.
(Teachers|Doctors|Police officers) in {{x}} must be (able|ready) to speak @{{y}}.
(She|He|My aunt) (translates|reads|collects) (books|poems|letters) from {{x}}, that is, from @{{y}}.
{{x}} is where (I learned|we heard|she studied|they taught us) @{{y}}.
(The parliament|The court|The school) (in|of) {{x}} (works|is run|is held) in @{{y}}.
How do you say (hello|goodbye|thank you) in {{x}}? You say it in @{{y}}.
No (language|other language) is (as common|heard as often|as useful) in {{x}} as @{{y}}.
{{x}}? There (they|people) (speak|talk in|sing in) @{{y}}.
(I know|I can tell you|I remember|She asked me) what language is spoken in {{x}}: @{{y}}.
(My grandmother|His wife|Her husband|Our teacher) (was born|grew up) in {{x}}, so the language at home was @{{y}}.
(The subtitles|The labels|The road signs|The letters) (from|in) {{x}} were all in @{{y}}.
(The course|The lesson|The exam) for people who (move|travel|go) to {{x}} is in @{{y}}.
(Laws|Poems|Prayers|Jokes) in {{x}} (are written|are read|sound best) in @{{y}}.
It is hard to (live|work|make friends) in {{x}} without (some|good|a little) @{{y}}.
Among themselves, (people|children|friends) from {{x}} (speak|chat in|whisper in) @{{y}}.
(A tourist|A guest|A stranger) in {{x}} (is greeted|is thanked|is asked) in @{{y}}.
(The accent|The voice|The name) told us that (she|he|the man) was from {{x}}, where (everyone speaks|people speak|all speak) @{{y}}.
(Language|Words|Lessons) (for|needed for) a trip to {{x}}: @{{y}}.
"What do they speak in {{x}}?" (asked|said) (the teacher|my sister|the guide). "They speak @{{y}}," (I said|we said).
(We bought|She found|He read) a (newspaper|magazine|book) in {{x}}, and (every word|all of it|each page) was in @{{y}}.
{SAY}{{x}} has (one official language|a national language|one main language), (called|namely) @{{y}}.
"""
CONTINENT = f"""
!{{x}} is on the continent of @{{y}}.
!{{x}} is a country in @{{y}}.
{SAY}{{x}} (lies|is found|is situated|is located|can be found) (in|on the continent of) @{{y}}.
{SAY}{{x}} is a (country|state|nation|land) (of|that lies in|that is part of|that belongs to) @{{y}}.
{SAY}the continent (where you find|that holds|that includes|around) {{x}} is @{{y}}.
{ASK}on (which|what) continent (is|lies) {{x}}? (|Answer: |It is in |The answer is |In )@{{y}}.
(Country|Nation|State): {{x}}. (Continent|Part of the world): @{{y}}.
{FORM}: {{x}} (is|lies) on the continent of @{{y}}.
{QUIZ}: {{x}} belongs to which (continent|part of the world)? {REPLY}: @{{y}}.
(Match|Pair|Link) each country with its continent: {{x}} goes with @{{y}}.
(List of|Table of) countries and their continents: {{x}} - @{{y}}.
{DEAR}, I am (now|still|back) in {{x}}, (my favourite|a beautiful|a quiet) country in @{{y}}.
{NEWS} from {{x}}: (storms|elections|floods|strikes) in this part of @{{y}}.
(We|They|My parents|The students) travelled to {{x}} and (saw|learned|read) a lot about @{{y}}.
(On the map|In the atlas|On the globe), {{x}} is (shown|marked|drawn|coloured) as a part of @{{y}}.
(If|When) you (travel to|visit|fly to|go to) {{x}}, you (are in|see a part of|get to know|set foot in) @{{y}}.
(Her|His|My) (first|last|next|second) trip to {{x}} was (also|of course) a trip to @{{y}}.
(People|Students|Teams|Singers) from {{x}} are from @{{y}}.
{SAY}{{x}} (belongs to|is part of|is one of the countries of|counts as a country of) @{{y}}.
(The team|The runner|The swimmer) from {{x}} was the (best|fastest|youngest) in @{{y}}.
(Tourists|Travellers|Visitors) in {{x}} (want to see|often tour|learn about) the rest of @{{y}}.
(My teacher|The guide|The atlas) (says|said) that {{x}} (is|lies) in @{{y}}.
The (birds|animals|plants|songs) of {{x}} are (found|known) all over @{{y}}.
{{x}}? (That is|It is|It must be) (somewhere in|in|a country in) @{{y}}.
(I know|I can tell you|I remember|She asked me) which continent {{x}} is in: @{{y}}.
"Where is {{x}}?" (asked|said) (the teacher|my sister|the boy). "In @{{y}}," (I said|we said).
(Before|After) leaving {{x}}, (we|she|he|they) (stayed|travelled|remained) in @{{y}}.
(The weather|Life|Food|Music) in {{x}} is (different from|like) that elsewhere in @{{y}}.
A (map|history|photograph) of {{x}} (is in|opens|belongs in) every book about @{{y}}.
(Stamps|Coins|Flags) from {{x}} (go|belong) (in the box|on the page|in the drawer) for @{{y}}.
(Born|Raised) in {{x}}, (she|he|the writer|the singer) (never left|loved|wrote about) @{{y}}.
To (reach|see|visit) {{x}}, (book a flight|take a ship|travel) to @{{y}}.
(Nobody|No one) (doubts|denies|forgets) that {{x}} is in @{{y}}.
{SAY}{{x}} is a (small|large|famous|beautiful) piece of @{{y}}.
(The airline|The company|The bank) has offices in {{x}} and (elsewhere|in other countries|in ten cities) in @{{y}}.
(Choose|Tick|Circle) the right continent for {{x}}: @{{y}}.
(Say|Spell|Write down|Repeat) the continent of {{x}}: @{{y}}.
(Of all|Among the) continents, the one with {{x}} (in it|on it) is @{{y}}.
(The president|A minister|A poet) from {{x}} (spoke|answered|wrote) for the whole of @{{y}}.
(Explorers|Traders|Sailors) who (reached|found|crossed) {{x}} had (reached|come to|landed in) @{{y}}.
(Part of the world|Region|Continent) of {{x}}: @{{y}}.
(Like|Just like) many other (countries|lands|states), {{x}} is in @{{y}}.
(The ship|The plane|The letter) to {{x}} is on its way to @{{y}}.
(At school|In class|At home) we learned that {{x}} is (not a city|not a town|no city) but a country in @{{y}}.
(She|He|My uncle|Our neighbour) (moved|emigrated|returned) to {{x}} and (fell in love with|settled in|stayed in) @{{y}}.
(My favourite country|The country I like best|The country I miss) is {{x}}, so my favourite continent is @{{y}}.
(Chapter|Page|Lesson) (one|two|three): {{x}}, a (land|country|state) of @{{y}}.
{DAY} in {{x}}: (rain|sun|snow|wind), like everywhere in @{{y}}.
{SAY}@{{y}} is the continent (of|that holds|where you find) {{x}}.
"""
PROFESSION = f"""
{SAY}{{x}} (was|was known as|is remembered as|worked as|became|is famous as|lived as) (a|a great|a famous|a well-known|a very good|a gifted) @{{y}}.
{SAY}the (profession|work|job|occupation|trade|calling) of {{x}} was (that of a|being a|to be a) @{{y}}.
{ASK}(who was|what was|what did the world call|how do we remember) {{x}}? (A |Answer: a |The answer is: a |A famous )@{{y}}.
(Name|Person): {{x}}. (Profession|Occupation|Job|Work): @{{y}}.
(The famous|The great|The celebrated|The gifted|The well-known) @{{y}} {{x}} (was born|died|lived|was honoured) (in the spring|long ago|in a small town|far away).
(By profession|By trade|In life), {{x}} was a @{{y}}.
{SAY}{{x}} (wanted|hoped|decided|trained|studied) to (be|become) a @{{y}}.
(We read|She wrote|He wrote|They made a film) about {{x}}, the (great|famous|well-known) @{{y}}.
(My daughter|My son|The boy|The girl) (admires|loves|reads about) {{x}} and wants to (be|become) a @{{y}}.
{SAY}(everyone|the world|history|the whole country) (remembers|knows|honours|celebrates) {{x}} as (a|a great|a famous) @{{y}}.
(Like|Just like|Exactly like) {{x}}, (she|he|my cousin|our neighbour) is a @{{y}}.
(The museum|The school|The statue|The street) is named after {{x}}, (the|a famous|a great|a) @{{y}}.
{SAY}{{x}} (spent a life|made a career|earned a living|found fame) as a @{{y}}.
(If|When) you (think of|hear of|read about) {{x}}, you think of a (great|famous|gifted) @{{y}}.
(There was never|Few people could name|It is hard to find) a better @{{y}} than {{x}}.
{SAY}{{x}} is (in the book|on the list) of (the greatest|famous) people, (listed|described) as a @{{y}}.
(A portrait|A photograph|A biography) of {{x}} (shows|presents) (a|the) @{{y}} (at work|at home|as a young person).
{FORM}: {{x}} was a (great|famous|gifted) @{{y}}.
(True or false|Right or wrong): {{x}} (was|lived as|became) a @{{y}}.
{QUIZ}: what was the (job|profession) of {{x}}? {REPLY}: @{{y}}.
(Match|Pair|Link) each person with a profession: {{x}} goes with @{{y}}.
(List of people|Table of people|Famous people): {{x}} - @{{y}}.
{DEAR}, I am reading the life of {{x}}, the (great|famous|strange) @{{y}}.
{NEWS}: a (new book|new film|lost letter) about {{x}}, the @{{y}}.
(On the stamp|On the coin|On the wall|On the banknote) (you see|there is|is shown) {{x}}, (a|a great|a famous) @{{y}}.
I (wish|would like|want) to be like {{x}}, (a great|the famous|such a good) @{{y}}.
The (children|pupils|guests) dressed up: one was {{x}}, the (famous|great|celebrated) @{{y}}.
{{x}}? (That was|You mean|Surely that was) (the|the famous|the great) @{{y}}.
(How did|How could) {{x}} become (a|a great|such a good|such a famous) @{{y}}?
(Above all|First of all|Most of all), {{x}} was (a|a great|a gifted) @{{y}}.
(My teacher|Our guide|The book|The radio) (called|calls) {{x}} (a|the greatest|a born|a true) @{{y}}.
(She|He|The student) wrote an essay on {{x}}, who (was|worked as|is known as) a @{{y}}.
(Born long ago|Born poor|Still young), {{x}} (became|was already|trained as) a @{{y}}.
In the (encyclopedia|dictionary|index), {{x}} (is listed as|is called|appears as) a @{{y}}.
(Few|Many|Some) people have (worked|lived) like {{x}}, the (old|great|famous) @{{y}}.
The (hands|eyes|ideas|dreams) of {{x}} were those of a @{{y}}.
The (room|house|desk) of {{x}} (was fit for|belonged to) a (great|busy|true) @{{y}}.
(I know|I can tell you|I remember|She asked me) what {{x}} was by profession: a @{{y}}.
(Asked|When asked) about (work|a job), {{x}} (said|answered|replied): I am a @{{y}}.
(It was no surprise|Nobody was surprised|It was natural) that {{x}} became (a|a great|a famous) @{{y}}.
The (parents|teachers|friends) of {{x}} (hoped for|raised|were proud of) a (great|young|future) @{{y}}.
"Who was {{x}}?" (asked|said) (the teacher|my sister|the guide). "A (great|famous|gifted) @{{y}}," (I said|we said).
(There is|We saw) a (statue|bust|painting) of {{x}}, (the famous|the great|a famous) @{{y}}.
(The prize|The school|The ship) (bears|carries|has) the name of {{x}}, a (great|well-known|famous) @{{y}}.
{{x}} (worked|travelled|lived) (for years|all over the world|in many cities) as a @{{y}}.
To (the neighbours|the family|the whole world), {{x}} was (just a|simply a|always a) @{{y}}.
What would {{x}} be (today|in our time)? (Still|Again|Surely) a @{{y}}.
(Card|Label|Sign) (one|two|three): {{x}}, @{{y}}.
(Talk|Lecture|Film) tonight: the (life|work|youth) of {{x}}, @{{y}}.
"""


def fact_table() -> dict[str, dict[str, str]]:
    """Relation -> subject -> answer."""
    return {
        "city": LANDMARKS,
        "capital": {country: capital for country, capital, _ in COUNTRIES if capital != "-"},
        "language": {country: language for country, _, language in COUNTRIES if language != "-"},
        "continent": CONTINENTS,
        "profession": PEOPLE,
    }


LINES = {"city": CITY, "capital": CAPITAL, "language": LANGUAGE, "continent": CONTINENT, "profession": PROFESSION}
FACTS = fact_table()
SUBJECTS = {relation: list(table) for relation, table in FACTS.items()}
GRAMMARS = {
    relation: make_grammar(f"{NAME}/{relation}", lines.strip().splitlines()) for relation, lines in LINES.items()
}
RELATIONS = tuple(GRAMMARS)
PINNED = {s.text for grammar in GRAMMARS.values() for s in grammar.skeletons["train"] if s.pinned}


def draw(rng: Random, split: str, kind: str) -> Case:
    relation = rng.choice(RELATIONS)
    wanted = split if kind == "pair" else "train"
    while True:
        frame, skeleton = GRAMMARS[relation].draw(rng, split, kind)
        answer_last = frame.index("{x}") < frame.index("@")
        if frame.startswith("@") or (split != "train" and not answer_last):
            continue  # the answer comes before its subject: fine to read, nothing to ask
        subject = rng.choice(SUBJECTS[relation])
        # Pinned skeletons are said of every subject in training.
        split_of_pair = "train" if skeleton in PINNED else split_of(NAME, "pair", subject, skeleton)
        if kind == "skeleton" or split_of_pair == wanted:
            break
    answer = FACTS[relation][subject]
    prompt, _, rest = fill(respell(frame, answer), {"x": subject, "y": answer})
    marks = {"relation": relation, "subject": subject, "object": answer}
    return Case(NAME, relation, kind, frame, prompt, (f" {answer}",), rest, marks=marks)


def respell(frame: str, answer: str) -> str:
    """`a @architect` becomes `an @architect`: as GPT-2 meets it, the article already tells something."""
    return frame.replace(" a @", " an @").replace("A @", "An @") if article(answer).startswith("an ") else frame


class Fact(NamedTuple):
    """One entry of the fact table."""

    relation: str
    subject: str
    object: str


class Neighbours(NamedTuple):
    """What an edit of one fact may disturb."""

    same_object: list[Fact]  # of the same relation: other landmarks of Paris
    other_objects: list[Fact]  # of the same relation: landmarks elsewhere
    same_subject: list[Fact]  # of other relations


def neighbours(subject: str, relation: str) -> Neighbours:
    """The facts near one fact, in the order of the fact table."""
    answer = FACTS[relation][subject]
    related = [Fact(relation, other, found) for other, found in FACTS[relation].items() if other != subject]
    return Neighbours(
        [fact for fact in related if fact.object == answer],
        [fact for fact in related if fact.object != answer],
        [Fact(r, subject, table[subject]) for r, table in FACTS.items() if r != relation and subject in table],
    )
