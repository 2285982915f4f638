"""The words that all abilities share: people, places, things, and facts about the world.

A name that one ability holds out is still met in the others, because every ability draws from the same lists:
a token that was never seen has no embedding, and failing on it would say nothing about generalisation.
"""

from random import Random

WOMEN = (
    "Mary Anna Emma Alice Laura Sarah Julia Helen Kate Lucy Rose Grace Ruth Jane Susan Linda Karen Nancy Betty Diana "
    "Sophie Clara Nora Maria Elena Olivia Mia Amy Lisa Jessica Rachel Rebecca Hannah Megan Emily Chloe Zoe Ella Ava "
    "Lily Molly Holly Amber Ruby Violet Iris Ivy Martha Edith Agnes Esther Miriam Naomi Leah Fiona Greta Ingrid Astrid "
    "Freya Sonia Nadia Vera Olga Irina Carmen Lucia Paula Teresa Monica Angela Claire Amelia Sandra Brenda Wendy Tina "
    "Priya Aisha Fatima Yasmin"
).split()
MEN = (
    "John Tom James Robert Michael David William Richard Joseph Thomas Daniel Matthew Anthony Mark Paul Steven Andrew "
    "Kevin Brian George Edward Ronald Timothy Jason Jeffrey Ryan Jacob Gary Nicholas Eric Jonathan Stephen Larry Justin "
    "Scott Brandon Benjamin Samuel Frank Gregory Raymond Alexander Patrick Jack Dennis Jerry Tyler Aaron Henry Adam "
    "Peter Nathan Walter Kyle Harold Carl Arthur Roger Lawrence Albert Hugo Oscar Felix Max Simon Martin Victor Ivan "
    "Igor Omar Hassan Ali Ravi Arjun Kenji Luis Carlos Diego Pedro Bruno"
).split()
NAMES = tuple(WOMEN + MEN)


# What the syllables below would make by chance although it is a word or a name.
REAL = frozenset("bazel dugin fanos glides mazen namak patron pesos raser raton remix sudes".split())


def invent_words(count: int, codas: str, seed: int = 0) -> tuple[str, ...]:
    """Words of two syllables that mean nothing: with them a model learns to copy a word rather than to know it."""
    rng = Random(seed)
    onsets, vowels = "b br d dr f g gl h k kr l m n p r s st t tr v z".split(), "aeiou"
    made: set[str] = set()
    while len(made) < count:
        syllables = "".join(rng.choice(onsets) + rng.choice(vowels) for _ in range(2))
        made |= {syllables + rng.choice(codas.split())} - REAL
    return tuple(sorted(made))


INVENTED_NAMES = tuple(word.capitalize() for word in invent_words(400, "k l m n r s t x"))
INVENTED_ANIMALS = invent_words(100, "b ck ff g p sh zz", seed=1)

# Landmark -> city; the landmark as it stands inside a sentence, the city a single word.
LANDMARKS = {
    landmark: city
    for line in """
    Paris: the Eiffel Tower, the Louvre, Notre-Dame Cathedral, the Arc de Triomphe, the Moulin Rouge, the Centre Pompidou
    Rome: the Colosseum, the Trevi Fountain, the Piazza Navona, the Pantheon, the Villa Borghese
    London: Big Ben, Tower Bridge, Buckingham Palace, the British Museum, Trafalgar Square, Hyde Park
    Berlin: the Brandenburg Gate, the Reichstag, Checkpoint Charlie, the Pergamon Museum
    Madrid: the Prado Museum, the Plaza Mayor, Retiro Park
    Barcelona: the Sagrada Familia, Park Guell, Casa Batllo, the Camp Nou
    Athens: the Acropolis, the Parthenon, the Temple of Zeus
    Moscow: the Kremlin, Red Square, the Bolshoi Theatre
    Istanbul: the Hagia Sophia, the Blue Mosque, the Topkapi Palace, the Galata Tower
    Vienna: Schonbrunn Palace, the Hofburg, the Belvedere Palace
    Prague: Charles Bridge, the Astronomical Clock, the Dancing House
    Budapest: the Chain Bridge, Buda Castle
    Amsterdam: the Rijksmuseum, the Anne Frank House, the Van Gogh Museum
    Brussels: the Atomium, the Manneken Pis
    Copenhagen: the Little Mermaid, Tivoli Gardens
    Stockholm: the Vasa Museum, the Nobel Museum
    Oslo: Vigeland Park, the Fram Museum
    Lisbon: the Belem Tower, the Jeronimos Monastery
    Milan: La Scala, the Sforza Castle
    Florence: the Uffizi Gallery, the Ponte Vecchio
    Venice: the Rialto Bridge, the Bridge of Sighs
    Granada: the Alhambra
    Dublin: Trinity College, the Guinness Storehouse
    Edinburgh: Holyrood Palace, the Royal Mile
    Munich: the Marienplatz, the Olympic Tower
    Hamburg: the Elbphilharmonie
    Geneva: the Jet d'Eau
    Warsaw: the Palace of Culture
    Krakow: Wawel Castle
    Cairo: the Egyptian Museum, the Citadel of Saladin
    Agra: the Taj Mahal
    Delhi: the Red Fort, the Lotus Temple
    Mumbai: the Gateway of India
    Beijing: the Forbidden City, the Temple of Heaven, the Summer Palace
    Shanghai: the Oriental Pearl Tower, the Bund
    Tokyo: Tokyo Skytree, the Imperial Palace, the Meiji Shrine
    Kyoto: the Golden Pavilion, the Fushimi Shrine
    Seoul: Gyeongbokgung Palace, the Namsan Tower
    Bangkok: the Grand Palace, the Temple of Dawn
    Singapore: the Merlion, Marina Bay Sands
    Dubai: the Burj Khalifa, the Palm Jumeirah
    Sydney: the Opera House, the Harbour Bridge, Bondi Beach
    Toronto: the CN Tower
    Seattle: the Space Needle, Pike Place Market
    Chicago: the Willis Tower, Millennium Park
    Washington: the White House, the Lincoln Memorial
    Boston: Fenway Park, Faneuil Hall
    Philadelphia: the Liberty Bell
    Jerusalem: the Western Wall, the Dome of the Rock
    Lima: the Larco Museum
    Nairobi: the Karen Blixen Museum
    """.strip().splitlines()
    for city, landmarks in [line.strip().split(": ")]
    for landmark in landmarks.split(", ")
}

# Country, capital, language; a dash where there is no single word for it, or no single answer.
COUNTRIES = tuple(
    tuple(line.split())
    for line in """
    France Paris French;Germany Berlin German;Italy Rome Italian;Spain Madrid Spanish;Portugal Lisbon Portuguese
    Greece Athens Greek;Russia Moscow Russian;Poland Warsaw Polish;Sweden Stockholm Swedish;Norway Oslo Norwegian
    Denmark Copenhagen Danish;Finland Helsinki Finnish;Hungary Budapest Hungarian;Austria Vienna German
    Czechia Prague Czech;Turkey Ankara Turkish;Egypt Cairo Arabic;Japan Tokyo Japanese;China Beijing Chinese
    Korea Seoul Korean;Thailand Bangkok Thai;Vietnam Hanoi Vietnamese;Iran Tehran Persian;Iraq Baghdad Arabic
    Kenya Nairobi Swahili;Canada Ottawa -;Cuba Havana Spanish;Peru Lima Spanish;Chile Santiago Spanish
    Colombia Bogota Spanish;Ecuador Quito Spanish;Venezuela Caracas Spanish;Uruguay Montevideo Spanish
    Brazil Brasilia Portuguese;Australia Canberra English;Ireland Dublin English;England London English
    Scotland Edinburgh English;Wales Cardiff -;Belgium Brussels -;Switzerland Bern -;Romania Bucharest Romanian
    Bulgaria Sofia Bulgarian;Serbia Belgrade Serbian;Croatia Zagreb Croatian;Slovakia Bratislava Slovak
    Slovenia Ljubljana Slovene;Ukraine Kyiv Ukrainian;Lithuania Vilnius Lithuanian;Latvia Riga Latvian
    Estonia Tallinn Estonian;Iceland Reykjavik Icelandic;Morocco Rabat Arabic;Algeria Algiers Arabic
    Tunisia Tunis Arabic;Nepal Kathmandu Nepali;Bangladesh Dhaka Bengali;Pakistan Islamabad Urdu
    Indonesia Jakarta Indonesian;Mongolia - Mongolian;Georgia Tbilisi Georgian;Armenia Yerevan Armenian
    Albania Tirana Albanian;Jordan Amman Arabic;Lebanon Beirut Arabic;Syria Damascus Arabic;Ghana Accra English
    Senegal Dakar French;Fiji Suva -;Samoa Apia Samoan;Tonga - Tongan;Jamaica Kingston English;Mexico - Spanish;Argentina - Spanish
    """.replace("\n", ";").split(";")
    if line.strip()
)

# Country -> continent; without those that are often counted to two.
CONTINENTS = {
    country: continent
    for line in """
    Europe: France Germany Italy Spain Portugal Greece Poland Sweden Norway Denmark Finland Hungary Austria Czechia
    Europe: Ireland England Scotland Wales Belgium Switzerland Romania Bulgaria Serbia Croatia Slovakia Slovenia Ukraine
    Europe: Lithuania Latvia Estonia Iceland Albania
    Asia: Japan China Korea Thailand Vietnam Iran Iraq Nepal Bangladesh Pakistan Indonesia Mongolia Jordan Lebanon Syria
    Africa: Egypt Kenya Morocco Algeria Tunisia Ghana Senegal
    America: Canada Cuba Peru Chile Colombia Ecuador Venezuela Uruguay Brazil Jamaica Mexico Argentina
    Oceania: Australia Fiji Samoa Tonga
    """.strip().splitlines()
    for continent, countries in [line.strip().split(": ")]
    for country in countries.split()
}

# Person -> profession.
PEOPLE = {
    person: profession
    for line in """
    physicist: Albert Einstein, Isaac Newton, Niels Bohr, Richard Feynman, Max Planck, Lise Meitner
    chemist: Marie Curie, Dmitri Mendeleev, Antoine Lavoisier, Linus Pauling, Dorothy Hodgkin
    mathematician: Leonhard Euler, Emmy Noether, Carl Gauss, Bernhard Riemann, Srinivasa Ramanujan, Sofia Kovalevskaya
    astronomer: Galileo Galilei, Johannes Kepler, Edwin Hubble, Tycho Brahe, Caroline Herschel
    biologist: Charles Darwin, Rachel Carson, Gregor Mendel, Barbara McClintock
    composer: Ludwig van Beethoven, Wolfgang Mozart, Johann Bach, Frederic Chopin, Antonio Vivaldi, Clara Schumann
    painter: Claude Monet, Pablo Picasso, Frida Kahlo, Vincent van Gogh, Rembrandt, Edvard Munch, Paul Cezanne
    sculptor: Auguste Rodin, Camille Claudel, Henry Moore
    poet: Emily Dickinson, John Keats, Walt Whitman, Pablo Neruda, Robert Frost
    novelist: Jane Austen, Leo Tolstoy, Charles Dickens, Virginia Woolf, Franz Kafka, Mark Twain, Toni Morrison
    philosopher: Immanuel Kant, Rene Descartes, Plato, Aristotle, David Hume, Hannah Arendt
    architect: Antoni Gaudi, Frank Lloyd Wright, Zaha Hadid, Le Corbusier
    singer: Elvis Presley, Aretha Franklin, Edith Piaf, Freddie Mercury, Ella Fitzgerald
    director: Alfred Hitchcock, Akira Kurosawa, Stanley Kubrick, Agnes Varda
    explorer: Christopher Columbus, Marco Polo, Roald Amundsen, Ferdinand Magellan
    inventor: Thomas Edison, Nikola Tesla, Alexander Bell, James Watt
    nurse: Florence Nightingale, Clara Barton, Mary Seacole
    footballer: Diego Maradona, Lionel Messi, Johan Cruyff, Zinedine Zidane
    dancer: Anna Pavlova, Rudolf Nureyev, Martha Graham, Isadora Duncan
    astronaut: Neil Armstrong, Yuri Gagarin, Valentina Tereshkova, Sally Ride
    """.strip().splitlines()
    for profession, people in [line.strip().split(": ")]
    for person in people.split(", ")
}

PLACES = (
    "store park school garden market library museum station restaurant office hospital beach kitchen cinema theatre cafe "
    "church bank hotel farm gym bakery harbour castle bridge forest village zoo stadium studio factory house party "
    "meeting airport playground pharmacy bookshop university lake"
).split()
THINGS = (
    "drink book ring letter key ball flower gift present sandwich cake map pen coat hat bag ticket apple cup guitar "
    "basket phone camera necklace bottle message bone computer snack mirror newspaper photo lamp blanket umbrella coin "
    "toy watch pencil notebook towel postcard biscuit orange box"
).split()
ANIMALS = (
    "cat dog horse rabbit fox bird mouse cow bear wolf sheep goat lion tiger monkey elephant duck hen pig kitten puppy "
    "turtle squirrel donkey owl frog"
).split()
OBJECTS = (
    "mat chair sofa bed rug table bench blanket cushion carpet box roof wall fence pillow bucket basket crate boat cart "
    "stone log platform shelf ladder"
).split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
# Beside the lists above, these must be single tokens as well.
NEW_WORDS = (*INVENTED_ANIMALS, *sorted(set(CONTINENTS.values())))


def article(phrase: str) -> str:
    """The phrase with its indefinite article, by spelling."""
    return ("an " if phrase[0].lower() in "aeiou" else "a ") + phrase
