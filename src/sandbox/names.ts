import type { Random } from './random.ts';

/**
 * Invented people: first and last names that are common where they come from, put together by chance. A name in another
 * script carries the form its bearer's passport has, from which account and address are made.
 */
export interface PersonName {
  readonly given: string;
  readonly family: string;
  readonly givenRoman: string;
  readonly familyRoman: string;
  /** BCP 47 tag of the language it is written in. */
  readonly language: string;
  /** Whether the native form is in another script than Latin. */
  readonly transcribed: boolean;
}

interface Pool {
  readonly language: string;
  /** How many of a hundred employees. */
  readonly share: number;
  /** `native|roman` where the script is not Latin. */
  readonly given: readonly string[];
  readonly family: readonly string[];
}

const list = (names: string) => names.split(', ');
const pool = (language: string, share: number, given: string, family: string): Pool => ({
  language,
  share,
  given: list(given),
  family: list(family),
});

const pools: readonly Pool[] = [
  pool(
    'nl',
    22,
    'Daan, Sanne, Lotte, Jeroen, Anouk, Bram, Femke, Joost, Maartje, Thijs, Renée, Koen, Noor, Pieter, Zoë, Annemarie',
    'de Vries, van den Berg, Jansen, Bakker, van Dijk, Visser, Smit, Meijer, ’t Hart, Mulder, de Groot, Bos, Vermeulen, van der Heijden, Hoekstra, Kuipers',
  ),
  pool(
    'de',
    8,
    'Jürgen, Anja, Lukas, Käthe, Björn, Heike, Matthias, Jörg, Ulrike, Sören',
    'Müller, Schröder, Weiß, Krüger, Köhler, Fischer, Böhm, Großmann, Lehmann, Jäger',
  ),
  pool(
    'en',
    9,
    'Oliver, Aisling, Grace, Rhys, Siobhán, Harry, Niamh, Callum, Imogen, Eleanor',
    'O’Brien, Smith-Walker, Hughes, MacLeod, Turner, Ó Súilleabháin, Clarke, Whitfield, Okafor, Bennett',
  ),
  pool(
    'fr',
    7,
    'Chloé, François, Maëlle, Jean-Luc, Hélène, Benoît, Anaïs, Gaël, Mégane, Loïc',
    'Lefèvre, Dubois, Béranger, Moreau, L’Hôpital, Garçon, Noël, Château, Rousseau, Delacroix',
  ),
  pool(
    'es',
    7,
    'Íñigo, María José, Begoña, Andrés, Lucía, Joaquín, Nuño, Inês, João, Conceição',
    'Muñoz, García Pérez, Ibáñez, Gonçalves, Núñez, da Conceição, Peña, Simões, Ordóñez, Vázquez',
  ),
  pool(
    'pl',
    7,
    'Łukasz, Małgorzata, Żaneta, Michał, Jiří, Tereza, Božena, Vojtěch, Zsófia, Ádám',
    'Wójcik, Kowalska, Źrebiec, Dvořák, Nováková, Šimek, Szabó, Kőszegi, Łaska, Brzęczyszczykiewicz',
  ),
  pool(
    'sv',
    6,
    'Åsa, Søren, Ærlig, Þóra, Jóhann, Göran, Mette, Øystein, Päivi, Kjell',
    'Östergård, Ångström, Sørensen, Björnsdóttir, Lindqvist, Hämäläinen, Ødegård, Nyström, Kjær, Mäkinen',
  ),
  pool(
    'tr',
    5,
    'Ayşe, Çağlar, Işıl, Gökhan, Şule, İbrahim, Nguyệt, Đức, Thảo, Ömer',
    'Yılmaz, Öztürk, Kılıç, Şahin, Nguyễn, Trần, Đặng, Güneş, Çelik, Phạm',
  ),
  pool(
    'el',
    5,
    'Γιώργος|Giorgos, Ελένη|Eleni, Νίκος|Nikos, Κατερίνα|Katerina, Σπύρος|Spyros, Δήμητρα|Dimitra, Αχιλλέας|Achilleas, Ιωάννα|Ioanna',
    'Παπαδόπουλος|Papadopoulos, Αντωνίου|Antoniou, Γεωργίου|Georgiou, Κωνσταντίνου|Konstantinou, Μακρής|Makris, Βασιλείου|Vasileiou, Οικονόμου|Oikonomou, Ξένος|Xenos',
  ),
  pool(
    'uk',
    6,
    'Олена|Olena, Андрій|Andrii, Марія|Mariia, Дмитро|Dmytro, Тетяна|Tetiana, Богдан|Bohdan, Ярослава|Yaroslava, Иван|Ivan, Светлана|Svetlana',
    'Шевченко|Shevchenko, Коваленко|Kovalenko, Бондаренко|Bondarenko, Ткачук|Tkachuk, Кравець|Kravets, Соколов|Sokolov, Мельник|Melnyk, Гончаренко|Honcharenko',
  ),
  pool(
    'zh',
    5,
    '伟|Wei, 芳|Fang, 秀英|Xiuying, 敏|Min, 静|Jing, 志强|Zhiqiang, 雅婷|Yating, 浩然|Haoran, 雨桐|Yutong',
    '王|Wang, 李|Li, 张|Zhang, 刘|Liu, 陈|Chen, 欧阳|Ouyang, 赵|Zhao, 黄|Huang, 林|Lin',
  ),
  pool(
    'ja',
    4,
    '健太|Kenta, さくら|Sakura, 大輔|Daisuke, 陽子|Yoko, 翔|Sho, 美咲|Misaki, 直樹|Naoki, エリカ|Erika',
    '佐藤|Sato, 鈴木|Suzuki, 高橋|Takahashi, 田中|Tanaka, 渡辺|Watanabe, 伊藤|Ito, 小林|Kobayashi, 大野|Ono',
  ),
  pool(
    'ar',
    5,
    'محمد|Mohammed, فاطمة|Fatima, يوسف|Youssef, ليلى|Layla, عمر|Omar, سلمى|Salma, كريم|Karim, هدى|Huda',
    'الخطيب|Al-Khatib, حداد|Haddad, المصري|Al-Masri, نجار|Najjar, بن علي|Ben Ali, السيد|El-Sayed, منصور|Mansour, شريف|Sharif',
  ),
  pool(
    'hi',
    4,
    'प्रिया|Priya, राहुल|Rahul, अनन्या|Ananya, विक्रम|Vikram, दीपा|Deepa, अर्जुन|Arjun, मीरा|Meera, संजय|Sanjay',
    'शर्मा|Sharma, पटेल|Patel, सिंह|Singh, गुप्ता|Gupta, अय्यर|Iyer, मेहता|Mehta, राव|Rao, चौधरी|Chaudhary',
  ),
];

const byShare = pools.flatMap((one) => Array.from({ length: one.share }, () => one));

export function inventName(random: Random): PersonName {
  const from = random.pick(byShare);
  return compose(from, random.pick(from.given), random.pick(from.family));
}

/** Another family name from the same pool, as after a marriage. */
export function rename(name: PersonName, random: Random): PersonName {
  const from = pools.find((one) => one.language === name.language) ?? pools[0]!;
  const others = from.family.filter((family) => split(family).native !== name.family);
  const family = split(random.pick(others));
  return { ...name, family: family.native, familyRoman: family.roman };
}

function compose(from: Pool, written: string, writtenFamily: string): PersonName {
  const given = split(written);
  const family = split(writtenFamily);
  return {
    given: given.native,
    family: family.native,
    givenRoman: given.roman,
    familyRoman: family.roman,
    language: from.language,
    transcribed: written.includes('|'),
  };
}

function split(written: string): { native: string; roman: string } {
  const [native = '', roman] = written.split('|');
  return { native, roman: roman ?? native };
}

/** Letters that Unicode does not take apart into a base letter and a mark. */
const letters: Readonly<Record<string, string>> = {
  ß: 'ss',
  ø: 'o',
  æ: 'ae',
  þ: 'th',
  đ: 'd',
  ł: 'l',
  ı: 'i',
};

/** A name as part of an account name: ASCII letters and digits only, `van den Berg` as `vandenberg`. */
export function accountPart(roman: string): string {
  return roman
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[ßøæþđłı]/g, (letter) => letters[letter] ?? '')
    .replace(/[^a-z0-9-]/g, '')
    .replace(/^-+|-+$/g, '');
}
