"""The words of reviews: what is judged, and how. A polarity's lists stand by slot, so that a filling has its opposites.

No string stands in two lists: a filling tells its polarity and its slot.
"""

import re

WHOLES = (
    "movie film show series book novel play album song concert game restaurant meal hotel app phone laptop camera "
    "performance documentary story thriller comedy drama musical exhibition course lecture trip holiday museum cafe "
    "podcast episode sequel remake cartoon pizza car product tour festival event party place band visit experience"
).split()
COUNTABLE_PARTS = (
    "plot script story ending soundtrack cast camera opening room view menu dessert screen battery price finale "
    "first_half second_half villain hero idea picture design costume title location"
).split()
MASS_PARTS = (
    "acting dialogue music editing direction pacing humour service food staff wine sound quality writing chemistry "
    "photography animation lighting scenery timing"
).split()
PARTS = COUNTABLE_PARTS + MASS_PARTS
GENRES = "thrillers comedies musicals drama horror romance jazz history crime fantasy westerns cartoons".split()
NEUTRAL = (
    "I saw it last night with my sister.|We went on {day}.|It lasted two hours.|A friend told me about it.|"
    "I had read a lot about it.|It came out last year.|My brother chose it.|We had seats at the back.|"
    "This was our second visit.|I bought it online.|I watched it on the train.|The tickets were sold out.|"
    "I do not usually write reviews.|It is set in a small town.|There were about fifty people there."
).split("|")

GOOD = (
    "good great excellent wonderful brilliant superb fantastic amazing outstanding delightful charming moving "
    "touching beautiful entertaining enjoyable funny hilarious clever witty gripping thrilling exciting fascinating "
    "engaging captivating enchanting magical masterful stunning gorgeous impressive remarkable memorable "
    "unforgettable lovely pleasant satisfying rewarding refreshing inspiring uplifting heartwarming tender warm fresh "
    "original inventive imaginative creative smart intelligent thoughtful insightful profound powerful compelling "
    "riveting intense vivid rich elegant graceful stylish polished flawless perfect exquisite sublime magnificent "
    "marvellous splendid terrific fabulous awesome incredible phenomenal exceptional extraordinary dazzling "
    "spectacular breathtaking joyful cheerful lively energetic absorbing addictive convincing believable authentic "
    "honest sincere genuine solid strong decent fine nice likeable adorable sweet amusing playful delicious tasty "
    "friendly helpful comfortable reliable professional attentive generous worthwhile first-rate top-notch timeless "
    "classic admirable agreeable amiable appealing appetising artful assured astonishing astute atmospheric blissful "
    "bold bracing breezy bright buoyant calming cathartic charismatic cinematic classy cogent colourful comforting "
    "commendable considerate cosy crisp daring dashing deft delectable dependable dynamic effective effortless "
    "electrifying eloquent endearing enlightening enriching enthralling entrancing evocative exemplary exhilarating "
    "exuberant eye-opening faultless first-class flavourful glorious good-natured grand gratifying groundbreaking "
    "heartfelt hearty hypnotic ideal illuminating immaculate immersive impeccable innovative inspired intimate "
    "invaluable inviting irresistible jaunty jolly joyous legendary lifelike lovable lucid luminous lush luxurious "
    "lyrical majestic mesmerising meticulous mouth-watering neat nimble noble nuanced perceptive persuasive pleasing "
    "pleasurable poetic poignant polite praiseworthy precious priceless radiant rousing savoury seamless sensational "
    "sensitive serene sharp skilful smooth snappy soothing soulful sparkling special spirited spotless sterling "
    "stirring striking sturdy subtle sumptuous sunny superior suspenseful tasteful tranquil triumphant unbeatable "
    "unmissable useful vibrant virtuosic welcoming well-made well-paced well-written wholesome wise wondrous "
    "world-class zesty"
).split()
BAD = (
    "bad terrible awful horrible dreadful poor weak dull boring tedious tiresome slow lifeless bland flat stale "
    "predictable unoriginal derivative shallow silly stupid dumb ridiculous absurd pointless meaningless messy "
    "confusing incoherent clumsy sloppy lazy careless amateurish cheap ugly unpleasant annoying irritating "
    "disappointing underwhelming forgettable mediocre unconvincing implausible wooden stiff cold soulless hollow "
    "empty pretentious pompous overlong overrated bloated repetitive monotonous dreary gloomy depressing unfunny "
    "tasteless offensive insulting embarrassing painful unbearable unwatchable dire lousy pathetic laughable "
    "atrocious abysmal appalling disastrous disgusting nasty vile horrendous frustrating infuriating exhausting "
    "uninspired unimaginative forced contrived cliched muddled chaotic choppy rushed unfinished broken useless "
    "worthless flawed faulty rude unhelpful dirty noisy greasy overpriced uncomfortable unreliable miserable sub-par "
    "second-rate third-rate grating cheesy corny tacky dated wretched rotten abominable abrasive aggravating aimless "
    "alienating anticlimactic arduous arrogant artificial artless awkward baffling banal bewildering bleak botched "
    "brainless bungled callous catastrophic characterless charmless childish clueless clunky coarse colourless "
    "contemptible convoluted crass cringeworthy crude crummy cumbersome cynical defective deficient deplorable dim "
    "dingy disagreeable disheartening dishonest disjointed dismal disorganised dispiriting distasteful distracting "
    "drab dubious dysfunctional excruciating farcical fatuous feeble filthy flabby flimsy foolish formulaic ghastly "
    "gimmicky graceless gratuitous grim grubby hackneyed half-baked half-hearted harsh hateful heartless heavy-handed "
    "hideous hopeless humdrum humourless idiotic ill-conceived impersonal inadequate inane incompetent inept inferior "
    "insincere insipid insufferable intolerable joyless juvenile laboured lacklustre leaden limp listless loathsome "
    "long-winded mangled mindless misguided misjudged moronic murky nauseating nonsensical obnoxious off-putting "
    "outdated overblown overwrought passionless patronising pitiful plodding rambling repellent repulsive revolting "
    "ruined run-down sappy scrappy self-indulgent senseless shabby shoddy simplistic slapdash sluggish smelly smug "
    "soggy soporific sour stagnant sterile stilted strained stuffy substandard superficial tatty threadbare tired "
    "toothless toxic trashy trite turgid unappealing uneven unfocused unforgivable uninteresting uninviting "
    "unlikeable unpolished unprofessional unsatisfying unwelcoming vacuous vapid vulgar wasteful witless woeful "
    "worn-out"
).split()
GOOD_NOUNS = (
    "masterpiece|gem|triumph|delight|treat|joy|pleasure|winner|success|wonder|revelation|work of art|"
    "breath of fresh air|real treasure|must-see|instant classic|small miracle|pure delight|perfect evening|"
    "huge success|feast for the senses|tour de force|crowd-pleaser|knockout|marvel|dream come true|stroke of genius|"
    "little gem|real winner|great achievement|box of delights|hit|sensation|rare treat|genuine delight|"
    "thing of beauty|labour of love|ray of sunshine"
).split("|")
BAD_NOUNS = (
    "disaster|mess|bore|failure|letdown|disappointment|waste of time|waste of money|complete waste of time|"
    "train wreck|joke|catastrophe|flop|nightmare|chore|insult|complete mess|total failure|dud|big disappointment|"
    "shambles|farce|fiasco|travesty|debacle|damp squib|dead loss|lost cause|missed opportunity|sorry affair|"
    "crushing bore|sorry mess|crying shame|total bore|cheap knock-off|bitter disappointment|disgrace|"
    "pain in the neck|stinker"
).split("|")
GOOD_PAST = (
    "loved enjoyed adored liked admired appreciated treasured praised recommended cherished relished savoured "
    "applauded championed prized valued celebrated"
).split()
BAD_PAST = (
    "hated disliked loathed detested regretted despised resented criticised endured abhorred deplored scorned slated "
    "panned lamented mocked"
).split()
GOOD_BASE = "love enjoy adore like admire appreciate recommend cherish relish savour treasure applaud".split()
BAD_BASE = "hate dislike loathe detest regret despise resent abhor deplore scorn lament".split()
GOOD_MORE = (
    "better funnier smarter stronger finer sweeter warmer cleverer more_enjoyable more_moving more_entertaining "
    "more_exciting livelier wittier brighter richer more_charming more_impressive more_original more_inventive "
    "more_memorable more_satisfying"
).split()
BAD_MORE = (
    "worse weaker duller slower sillier poorer uglier more_boring more_tedious more_annoying more_disappointing "
    "blander staler clumsier lazier flatter more_pointless more_predictable more_forgettable more_confusing "
    "more_pretentious"
).split()
GOOD_MOST = (
    "best finest funniest smartest sweetest warmest cleverest loveliest most_enjoyable most_moving most_entertaining "
    "most_exciting most_charming most_impressive most_memorable"
).split()
BAD_MOST = (
    "worst weakest dullest silliest poorest ugliest clumsiest laziest most_boring most_tedious most_annoying "
    "most_disappointing most_pointless most_predictable most_forgettable"
).split()
GOOD_ADVERBS = (
    "beautifully brilliantly wonderfully superbly skilfully elegantly cleverly masterfully perfectly nicely "
    "gracefully expertly lovingly splendidly flawlessly delightfully thoughtfully imaginatively admirably gloriously"
).split()
BAD_ADVERBS = (
    "badly poorly terribly clumsily horribly lazily carelessly awkwardly dreadfully sloppily amateurishly abysmally "
    "incompetently ineptly appallingly woefully shoddily crudely atrociously miserably"
).split()
GOOD_IDIOMS = (
    "blew me away|kept me on the edge of my seat|knocked it out of the park|swept me off my feet|made my day|"
    "won me over|was worth every penny|hit the spot|was right up my street|took my breath away|"
    "exceeded my expectations|left me smiling|had me hooked|ticked all the boxes|lived up to the hype|"
    "touched my heart|was a joy from start to finish|stole the show|left me wanting more|ages like fine wine|"
    "stayed with me for days|was second to none|hit the mark|held me spellbound|won my heart|made me laugh out loud|"
    "gave me goosebumps|sent shivers of joy down my spine|was a feast for the eyes|was music to my ears|"
    "lifted my spirits|put a smile on my face|kept me glued to my seat|kept me guessing until the end|"
    "had me laughing all night|passed with flying colours|lived up to its promise|did not disappoint|"
    "never put a foot wrong|hit all the right notes|struck a chord|was a cut above the rest|"
    "was in a class of its own|stood head and shoulders above the rest|was out of this world|"
    "was the icing on the cake|was worth the wait|was worth every minute|earned every bit of praise|"
    "deserved a standing ovation|brought the house down|went down a treat|went like clockwork|ran like a dream|"
    "worked like a charm|worked wonders|raised the bar|was a sight for sore eyes|was just what the doctor ordered|"
    "was the highlight of my week|was love at first sight|felt like coming home|warmed my heart|melted my heart|"
    "stood the test of time|left nothing to be desired|left me on cloud nine|put me in a good mood|"
    "had me singing along|had me grinning from ear to ear|had me cheering|made the evening fly by|"
    "restored my faith in the genre|came up trumps|paid off handsomely|was a home run|was pure magic|"
    "was money well spent|was time well spent|got everything right|punched above its weight|turned me into a fan|"
    "delivered on every front|hooked me from the first minute|captured my imagination|was the real deal|"
    "rose to the occasion|shone from start to finish|went from strength to strength"
).split("|")
BAD_IDIOMS = (
    "fell flat|bored me to tears|left me cold|missed the mark|was not my cup of tea|put me to sleep|went nowhere|"
    "let me down|got on my nerves|fell apart|dragged on and on|was a slap in the face|made me want to leave|"
    "ran out of steam|lost the plot|was not worth the money|left a bad taste in my mouth|went downhill fast|"
    "did not live up to the hype|had me checking my watch|was a step backwards|failed on every level|"
    "rubbed me the wrong way|bored me stiff|drove me up the wall|drove me mad|tried my patience|"
    "outstayed its welcome|wasted my evening|wasted everyone's time|was a waste of space|was daylight robbery|"
    "was a rip-off|was money down the drain|was time I will never get back|fell short|fell at the first hurdle|"
    "fell on its face|came apart at the seams|came to nothing|went off the rails|went from bad to worse|"
    "went on forever|went down like a lead balloon|sank without trace|sank like a stone|crashed and burned|"
    "ran out of ideas|bit off more than it could chew|left a lot to be desired|left me fuming|"
    "left me shaking my head|left me none the wiser|made my skin crawl|made my blood boil|made me cringe|"
    "made me yawn|made no sense|did nothing for me|did not hold my attention|never got off the ground|"
    "never found its feet|never came to life|lacked any spark|lacked heart|hit rock bottom|hit all the wrong notes|"
    "struck a false note|scraped the bottom of the barrel|was past its best|was a bitter pill|"
    "was a far cry from the original|was like watching paint dry|was the last straw|was not up to scratch|"
    "was all style and no substance|was the low point of my week|was nothing to write home about|"
    "was more trouble than it was worth|had me yawning|had me looking for the exit|had me rolling my eyes|"
    "had me reaching for the remote|could not hold a candle to the original|rang hollow|gave me a headache|"
    "ruined my evening|lost me after ten minutes|lost its way|dropped the ball|missed the point|"
    "sucked the life out of the room"
).split("|")

# Adjectives that take "more" and "most" rather than an ending of their own.
LONG = re.compile(r"[a-z]{4,}(ing|ful|ive|able|ible|ous|less|ant|ent)")
SLOTS = {
    "": (GOOD, BAD),  # adjective
    "l": tuple([word for word in words if LONG.fullmatch(word)] for words in (GOOD, BAD)),  # long adjective
    "n": (GOOD_NOUNS, BAD_NOUNS),  # noun phrase
    "v": (GOOD_PAST, BAD_PAST),
    "b": (GOOD_BASE, BAD_BASE),  # verb in its base form
    "m": (GOOD_MORE, BAD_MORE),  # comparative
    "t": (GOOD_MOST, BAD_MOST),  # superlative
    "a": (GOOD_ADVERBS, BAD_ADVERBS),
    "i": (GOOD_IDIOMS, BAD_IDIOMS),
}
OTHER = {"positive": "negative", "negative": "positive"}
FILLINGS = {
    label: {slot: [word.replace("_", " ") for word in lists[i]] for slot, lists in SLOTS.items()}
    for i, label in enumerate(("positive", "negative"))
}
