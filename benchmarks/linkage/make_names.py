"""Write synthetic/names.csv: real names of each tradition by rank, and a long tail of composed surnames.

Run once, in an environment of its own: pip install faker==40.54.0 names==0.3.0, then
python benchmarks/linkage/make_names.py OLD_NAMES.csv NEW_NAMES.csv.

Source: the names already in the old file, in their order; person providers of Faker 40.54.0 (MIT); the name counts of
the United States census of 1990 as packed in names 0.3.0 (public domain) for the order of further given names. The tail
of British surnames is composed of the parts of English place names, trades and fathers' names, so that most are
plausible and many are real; nobody in particular is meant.
"""

from __future__ import annotations

import csv
import importlib
import random
import sys
import unicodedata
from collections.abc import Iterable
from itertools import product
from pathlib import Path


def words(text: str) -> list[str]:
    """Return the words of a list written out as text."""
    return text.split()


N_BRITISH_SURNAMES = 24_000
N_GIVEN = 900
STEMS = words("""
Ack Al Ald Ar Ash Ast At Ax Bad Bal Bam Ban Bar Bark Bas Bax Bay Beck Bed Bel Ben Ber Bever Bick Bid Bil Bing Birch Birk
Black Blen Bod Bol Bon Boot Bos Bot Bow Brad Bram Bran Bray Breck Brent Brid Brin Brock Brom Brough Brun Buck Bud Bul Bur
Burn But Cal Cam Can Car Cas Cat Caw Chad Chal Chap Char Chat Ched Chel Ches Chil Chip Chor Clap Clay Cleve Clif Cob Cock
Col Comp Con Cop Cor Cot Cow Crab Cran Craw Cres Crick Crom Crop Cros Crow Cul Cum Dag Dal Dar Daw Den Der Dil Din Dit Dod
Don Dor Dray Dud Dul Dun Dur Dut East Eck Eden Edge Eg El Elms Em En Er Es Et Ever Ex Fair Fal Far Faw Fel Fen Fern Fil
Fin Fish Flax Flem Flet Fol For Fos Fox Fram Free Frog Ful Gad Gar Gat Gid Gil Glad Glen Gold Good Gos Gran Graves Green
Grin Gun Had Hag Hal Ham Han Har Hart Has Hat Haw Hay Hazel Head Heath Heb Hel Hem Hen Hep Her Hes Het Hey Hib Hick Hil
Hin Hip Hod Hol Hon Hoo Hop Hor Hos How Hud Hul Hum Hun Hur Hut Ib Il In Ips Ir Is Ket Kel Ken Kil Kim Kin Kir Kirk Kit
Knap Knight Lam Lan Lang Lark Lat Law Lead Led Lee Leg Leigh Len Lev Lil Lin Lit Lock Lod Lon Long Lop Lov Low Lud Lul
Lum Lut Lyn Mad Mal Man Map Mar Mas Mat Max May Mel Men Mer Mid Mil Min Mit Mol Mon Moor Mor Mos Mot Mul Mun Nap Nas Net
New Nor North Nor Not Nun Oak Oad Ock Old Ol Or Os Ot Over Ox Pack Pad Pal Pan Par Pas Pat Peck Pel Pem Pen Per Pet Pick
Pil Pin Pit Plum Pol Pop Por Pot Pres Pres Pud Pul Pur Quar Rad Rain Ram Ran Rat Raven Raw Red Ren Rib Rich Rid Rip Rod
Rom Rook Ros Roth Row Rox Rud Rum Rush Rus Rut Sal Sam San Saw Sax Scar Sed Sel Set Shad Shar Shef Shel Shen Ship Shir
Short Shut Sib Sid Sil Sim Skel Skip Slack Snel Som South Spal Spen Spring Stan Stap Stave Sten Stock Stoke Ston Stour
Strat Stub Sud Sul Sum Sun Sut Swan Swin Tad Tal Tam Tan Tar Tat Tel Ten Tet Thack Thorn Thor Thur Thwait Til Tin Tit Tod
Tol Top Tor Tot Tow Tran Tren Trow Tun Tur Twin Tyl Ul Up Up Ux Wad Wain Wal Walk Wan War Was Wat Wax Way Wed Wel Wen Wes
West Wet Whal Wheat Whit Wick Wid Wig Wil Win Wing Wit Wol Wood Wool Wor Wrag Wren Wy Yar Yat Yel York
""")
ENDINGS = words("""
acre bank beck borough botham bourne bridge brook burn burton bury by caster combe cot cott croft dale dean den ding don
ell er ey field fold ford gate grave greave grove hall ham hampton hay head hill hold holm holt house hurst ing ingham
ington kin kins kirk land law leigh ler let lett ley lock low man mead mere mond more ner ney over port rick ridge ring
royd sall sell set sett shall shaw side son stall stead sted stock stoke stone stow tham thorn thorpe thwaite ton tree
vale wall ward ware water way well wick win wold wood worth wright wyn yard
""")
SHORT_FATHERS = words("""
Adam Alan Allen Andrew Ander Bat Ben Clem Col Davi Daw Dick Dob Ed Emm Fergus Gib Gil Han Har Harri Hew Hob Hodg Hud Ib Jack
Jame Jame Jeff Jen John Ken Law Mabb Magg Mat Matth Maud Mor Nell Nel Nichol Old Par Pat Paul Per Pether Phil Pier Raw Rich
Rob Robert Rog Row Sam Sander Sim Steven Stephen Tam Thom Tib Tom Watt Wat Wil Will Hutch Hugh
""")
SCOTS = words("""
Adam Alister Alpine Andrew Arthur Aulay Bain Bean Bride Cabe Call Cann Carthy Caskill Clean Clellan Clure Coll Connell Cormack
Corquodale Coy Crae Crindle Culloch Cutcheon Dade Dermid Diarmid Donald Dougall Dowell Duff Eachern Ewan Ewen Fadyen Fall
Farlane Fee Gee Ghie Gill Gillivray Gowan Grath Gregor Guire Hugh Ilroy Ilwraith Innes Intosh Intyre Iver Ivor Kay Kechnie Kellar
Kendrick Kenna Kenzie Kerrow Killop Kinlay Kinnon Lachlan Laren Lauchlan Lean Leish Lellan Lennan Leod Lure Manus Master Michael
Millan Murdo Nab Nair Naught Neil Neill Nicol Niven Phail Phee Pherson Quarrie Queen Rae Ritchie Robb Sween Taggart Tavish Vey Vicar
Vitie Whirter Whinnie William
""")
SIKH = (
    words("Gur Har Jas Man Bal Kul Sukh Param Ran Dal Amar Jag Raj Prabh Sat Nav Kamal Kiran Lakh Mal Sur Tej"),
    words("preet jit inder deep meet vinder want pal bir jot"),
)
CHINESE_GIVEN = (
    words(
        "Xiao Mei Yu Jia Wen Zi Hui Li Jing Yan Xue Ling Chun Siu Wai Yuk Ka Sze Hoi Man Ming Jian Zhi Wei Guo Kin Chi Hon Tsz Ho"
    ),
    words(
        "Ling Fang Ying Hua Juan Min Lan Xia Na Qin Yi Hong Yin Shan Ping Kwan Lai Fung Jun Feng Wei Ming Tao Bin Gang Long"
    ),
)
CHINESE_FAMILY = words("""
Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Luo Gao Zheng Liang Xie Song Deng Han Feng Cao Peng Zeng Xiao Tian Dong Pan
Yuan Cai Jiang Yu Du Ye Cheng Wei Su Lu Ding Ren Yao Shen Zhong Tan Yiu Kwok Yeung Tse Chow Chu Choi Mak Fung Lau Cheng Poon
Tsang Yip Hui Lui Mok Kwan Siu To Yuen Hung Lo Chiu Au Tong Kong Law Pang Fong Kwong Szeto Sin Yam Man Pun Kan Tsui Lok Ko
Chung Hau Wan Yau Ngai Shek Tai Cheuk Lai Leong Goh Ong Teo Koh Sim Yeo Toh Low Chua Foo Khoo Quek Neo Soh
""")
MUSLIM_GIVEN = (
    words("""Aamna Aaliyah Abida Afshan Aleena Amina Amna Aneela Anisa Anum Areeba Arifa Asiya Asma Asmat Atiya Ayesha Azra Benish Bilqis
    Dilshad Fahmida Faiza Farah Farhana Farida Fareeha Ferdousi Fozia Ghazala Habiba Hafsa Hajra Halima Hamida Hina Humaira Hasina
    Iffat Iqra Irum Jahanara Jamila Kalsoom Kaneez Kauser Khalida Kiran Laila Lubna Mahnoor Mahira Malika Mehwish Momena Monira
    Mumtaz Munira Musarat Nabila Nadia Naheed Naila Naima Najma Nargis Naseem Nasima Nasira Nazia Nazma Nighat Noor Noreen Nosheen
    Nusrat Qudsia Rabia Raheela Rahima Rashida Rehana Rifat Rizwana Robina Roshan Rubina Sabiha Sadia Safia Sajida Salma Sameena
    Sana Saira Sakina Shagufta Shaheen Shahida Shahnaz Shaista Shakila Shameem Shamim Sharifa Shirin Sidra Sobia Sufia Sultana
    Sumaira Surayya Syeda Tabassum Tahmina Tanveer Taslima Tasneem Tayyaba Ulfat Uzma Wajiha Zarina Zeenat Zohra Zubaida"""),
    words("""Aadil Abbas Abdullah Abid Abrar Adeel Adnan Afzal Aftab Ahsan Ajmal Akbar Akram Altaf Amin Amir Amjad Anwar Aqeel Arif Arshad
    Asad Asghar Ashfaq Ashraf Asif Aslam Atif Atiq Ayub Azhar Aziz Babar Badar Bashir Basharat Danish Dawood Ehsan Faisal Faheem
    Farhan Farid Farooq Fayyaz Fazal Ghulam Habib Hafiz Haider Hamid Hanif Haroon Hasan Hashim Humayun Idris Ifran Iftikhar Ijaz
    Ikram Ilyas Imtiaz Inam Irfan Ishaq Ishfaq Ismail Jabbar Jahangir Jamal Jamil Jamshed Kabir Kaleem Kamran Karim Kashif Khadim
    Khurram Khurshid Liaqat Luqman Mahmood Majid Mansoor Maqbool Maqsood Masood Mazhar Mehboob Mohsin Mubarak Mujahid Mukhtar Munir
    Murtaza Musa Mushtaq Mustafa Naeem Nasir Naveed Nazir Nisar Noman Omar Parvez Pervaiz Qadir Qaiser Qamar Rafiq Rahim Raja Rauf
    Raza Rehan Riaz Rizwan Saad Sabir Sadiq Saeed Safdar Sajid Sajjad Saleem Salman Sarfraz Shabir Shafiq Shafqat Shahbaz Shakeel
    Sharif Shaukat Shoaib Sohail Suleman Sultan Tahir Taj Talib Tanveer Tanvir Tasawar Tauqeer Umar Waheed Wajid Waqar Waseem Yaqoob
    Yasin Yasir Younis Yusuf Zafar Zaheer Zakir Zeeshan Zubair Zulfiqar"""),
)
MUSLIM_FAMILY = words("""
Abbasi Abbas Abdullah Afzal Ahmad Akbar Akram Alam Alvi Amin Anjum Ansari Anwar Arif Arshad Ashraf Asghar Awan Ayub Azam Aziz Baig
Bano Bashir Bhatti Bokhari Chowdhury Dar Dogar Farooq Fatima Ghani Gondal Hanif Haq Haque Hasan Hashmi Hassan Haider Hamid Islam
Ismail Jabeen Jahan Jamil Javed Kabir Kausar Kazmi Khalid Khaliq Khanam Khatun Khokhar Kiani Latif Lodhi Mahmud Majid Mannan Masih
Mehmood Memon Minhas Mohammed Mughal Munir Mushtaq Nadeem Naqvi Naseem Nawaz Nazir Niazi Parveen Pasha Perveen Qadir Qazi Quddus
Rafiq Rahim Rahman Raja Rana Rashid Rasool Rauf Raza Razzaq Riaz Rizvi Saddiq Sadiq Saeed Saleem Sarwar Sattar Shabbir Shafi
Shaheen Shaikh Sharif Siddique Siddiqui Sultana Syed Tahir Talukdar Tariq Ullah Usman Wahid Warraich Yaqub Yasin Yousaf Yusuf Zaman
Zia Zaidi Bhuiyan Sarkar Mollah Sikder Molla Munshi Khandaker Majumder Mondal Laskar Choudhury Kazi Mullah Patwary
""")
POLISH_STEMS = words("""
Adam Andrzej Bab Baran Barto Bednar Biel Blaszcz Bor Borow Brzez Buj Ceg Chmiel Ciesiel Czaj Czar Dom Dud Fij Gaj Gawron Glow Gor Grab
Gronk Grzeg Gut Jab Jac Jag Jan Jarz Jasin Jawor Jezier Kacz Kalin Kami Karp Kasprz Kaz Klim Kolodziej Konop Kop Kor Kos Kow Kraj
Krup Kub Kuchar Kul Kur Lasz Las Lew Lis Lip Luk Mac Madej Maj Makow Mal Marcin Mar Mat Mich Mil Mroz Mus Niemi Now Olsz Ols Ost
Ow Paw Pietr Piotr Pol Przyby Rad Rog Rut Sad Sien Sikor Sob Sokol Sos Stan Stefan Stelm Szczep Szym Tom Tur Urban Walcz Was Wilcz
Wiec Wis Wlod Wojt Wro Zab Zaj Zal Zar Zawad Ziel Ziem Ziol Zuk
""")
POLISH_ENDINGS = words("owski inski ewski ak czyk ek owicz iak icki ecki ka a")
CARIBBEAN_FEMALE = words(
    "Joy Gloria Pearl Ivy Myrtle Eulalie Verna Una Lurline Cynthia Millicent Veronica Daphne Esme Rhona Elaine"
)
CARIBBEAN_MALE = words(
    "Rupert Cecil Vincent Egbert Alford Linval Clifton Earl Dudley Courtney Hopeton Lascelles Vernon Junior"
)


def provider(locale: str, kind: str) -> list[str]:
    """Return a Faker provider's names, the commonest first where it weighs them."""
    found = getattr(importlib.import_module(f"faker.providers.person.{locale}").Provider, kind, ())
    if isinstance(found, dict):
        return sorted(found, key=lambda name: (-found[name], name))
    return list(found)


def census(kind: str) -> list[str]:
    """Return the given names of the census, the commonest first."""
    import names

    lines = (Path(names.__file__).parent / f"dist.{kind}.first").read_text().splitlines()
    return [line.split()[0].capitalize() for line in lines]


def plain(name: str) -> str:
    """Return a name in the letters that English forms take, or nothing."""
    for accented, letter in (("ł", "l"), ("Ł", "L"), ("đ", "d"), ("ß", "ss")):
        name = name.replace(accented, letter)
    name = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    fits = name.isascii() and 2 <= len(name) <= 16 and name.replace("'", "").replace("-", "").isalpha()
    return name if fits else ""


def ranked(*lists: Iterable[str], most: int) -> list[str]:
    """Join lists in order without repeats."""
    joined = dict.fromkeys(name for names in lists for name in map(plain, names) if name)
    return list(joined)[:most]


def shuffled(names: Iterable[str], seed: int) -> list[str]:
    """Return names in an order that no alphabet explains."""
    kept = list(dict.fromkeys(names))
    random.Random(seed).shuffle(kept)  # noqa: S311 - no secret
    return kept


def joined(first: Iterable[str], second: Iterable[str]) -> list[str]:
    """Compose every pair of parts, leaving out three like letters in a row and echoes."""
    made = (a + b for a, b in product(first, second) if a.lower() != b)
    return [name for name in made if not any(x == y == z for x, y, z in zip(name, name[1:], name[2:], strict=False))]


def british_tail() -> list[str]:
    """Compose surnames: places, fathers, clans."""
    places = joined(STEMS, ENDINGS)
    fathers = joined(SHORT_FATHERS, ("s", "son", "kins", "ett"))
    clans = joined(("Mc", "Mac"), SCOTS)
    return shuffled(fathers + clans, 1) + shuffled(places, 2)


def british(old: dict[str, list[str]]) -> dict[str, list[str]]:
    real = old["family"][:300]
    newer = ranked(provider("en_GB", "last_names"), provider("en_NZ", "last_names"), most=1000)
    return {
        "given_female": ranked(
            old["given_female"], provider("en_GB", "first_names_female"), provider("en_NZ", "first_names_female"),
            census("female"), most=N_GIVEN,
        ),
        "given_male": ranked(
            old["given_male"], provider("en_GB", "first_names_male"), provider("en_NZ", "first_names_male"),
            census("male"), most=N_GIVEN,
        ),
        "family": ranked(real, newer, old["family"][300:], british_tail(), most=N_BRITISH_SURNAMES),
    }  # fmt: skip


def south_asian(old: dict[str, list[str]]) -> dict[str, list[str]]:
    sikh = shuffled(joined(*SIKH), 3)
    return {
        "given_female": ranked(old["given_female"], sikh[::2], provider("en_IN", "first_names_female"), most=N_GIVEN),
        "given_male": ranked(old["given_male"], sikh[1::2], provider("en_IN", "first_names_male"), most=N_GIVEN),
        "family": ranked(old["family"], shuffled(provider("en_IN", "last_names"), 4), most=N_GIVEN),
    }


def muslim(old: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        "given_female": ranked(old["given_female"], shuffled(MUSLIM_GIVEN[0], 5), most=N_GIVEN),
        "given_male": ranked(old["given_male"], shuffled(MUSLIM_GIVEN[1], 6), most=N_GIVEN),
        "family": ranked(
            old["family"], shuffled(MUSLIM_FAMILY, 7), shuffled(provider("en_PK", "last_names"), 8), most=N_GIVEN
        ),
    }


def african(old: dict[str, list[str]]) -> dict[str, list[str]]:
    def of(kind: str, seed: int) -> list[str]:
        return shuffled([n for locale in ("yo_NG", "ig_NG", "ha_NG", "tw_GH") for n in provider(locale, kind)], seed)

    return {
        "given_female": ranked(old["given_female"], of("first_names_female", 9), most=N_GIVEN),
        "given_male": ranked(old["given_male"], of("first_names_male", 10), most=N_GIVEN),
        "family": ranked(old["family"], of("last_names", 11), provider("en_KE", "last_names")[:300], most=N_GIVEN),
    }


def others(old: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
    """Return the lists of the smaller traditions."""
    chinese = shuffled(joined(CHINESE_GIVEN[0], [part.lower() for part in CHINESE_GIVEN[1]]), 12)
    romanian_family = provider("ro_RO", "last_names") + provider("lt_LT", "last_names")
    polish = joined(POLISH_STEMS, POLISH_ENDINGS)
    irish_family = shuffled((n for n in provider("en_IE", "last_names") if " " not in n), 13)
    return {
        "irish": {
            "given_female": ranked(old["irish"]["given_female"], shuffled(provider("en_IE", "first_names_female"), 14), most=N_GIVEN),
            "given_male": ranked(old["irish"]["given_male"], shuffled(provider("en_IE", "first_names_male"), 15), most=N_GIVEN),
            "family": ranked(old["irish"]["family"], irish_family, most=2500),
        },
        "caribbean": {
            "given_female": ranked(old["caribbean"]["given_female"], CARIBBEAN_FEMALE, census("female")[:300], most=300),
            "given_male": ranked(old["caribbean"]["given_male"], CARIBBEAN_MALE, census("male")[:300], most=300),
            "family": ranked(old["caribbean"]["family"], shuffled(provider("en_GB", "last_names"), 16), most=500),
        },
        "chinese": {
            "given_female": ranked(old["chinese"]["given_female"], chinese[::2], most=400),
            "given_male": ranked(old["chinese"]["given_male"], chinese[1::2], most=400),
            "family": ranked(old["chinese"]["family"], CHINESE_FAMILY, most=200),
        },
        "east_european": {
            part: ranked(old["east_european"][part], shuffled(more, 17), most=1500)
            for part, more in (
                ("given_female", provider("pl_PL", "first_names_female") * 2 + provider("ro_RO", "first_names_female")),
                ("given_male", provider("pl_PL", "first_names_male") * 2 + provider("ro_RO", "first_names_male")),
                ("family", romanian_family + polish),
            )
        },
        "traveller": {
            "given_female": ranked(old["traveller"]["given_female"], shuffled(old["irish"]["given_female"] + census("female")[:120], 18), most=150),
            "given_male": ranked(old["traveller"]["given_male"], shuffled(old["irish"]["given_male"] + census("male")[:120], 19), most=150),
            "family": ranked(old["traveller"]["family"], irish_family[:120], most=150),
        },
    }  # fmt: skip


def read(path: Path) -> dict[str, dict[str, list[str]]]:
    """Read the old file."""
    old: dict[str, dict[str, list[str]]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            old.setdefault(row["tradition"], {}).setdefault(row["part"], []).append(row["name"])
    return old


def main(old_path: Path, new_path: Path) -> None:
    old = read(old_path)
    new = {
        "british": british(old["british"]), "south_asian_muslim": muslim(old["south_asian_muslim"]),
        "south_asian_hindu_sikh": south_asian(old["south_asian_hindu_sikh"]), "african": african(old["african"]),
        **others(old),
    }  # fmt: skip
    with new_path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(("tradition", "part", "rank", "name"))
        for tradition in old:
            for part, listed in new[tradition].items():
                rows.writerows((tradition, part, rank, name) for rank, name in enumerate(listed, 1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
