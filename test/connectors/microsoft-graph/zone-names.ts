/**
 * The names of Windows' zones (`tzutil /l`) by the hours and minutes that their standard time is from UTC, as Windows itself
 * shows them, and not as CLDR does. Moved since the list was taken: Jordan and Syria (2022), Greenland (2023), Paraguay (2024),
 * Volgograd (2020), Morocco (2018, its summer time is all year), South Sudan (2021, a name of its own).
 */
export const windowsNames: Readonly<Record<string, readonly string[]>> = {
  '-12:00': ['Dateline'],
  '-11:00': ['=UTC-11'],
  '-10:00': ['Aleutian', 'Hawaiian'],
  '-09:30': ['Marquesas'],
  '-09:00': ['Alaskan', '=UTC-09'],
  '-08:00': ['=Pacific Standard Time (Mexico)', '=UTC-08', 'Pacific'],
  '-07:00': ['US Mountain', '=Mountain Standard Time (Mexico)', 'Mountain', 'Yukon'],
  '-06:00': ['Central America', 'Central', 'Easter Island', '=Central Standard Time (Mexico)', 'Canada Central'],
  '-05:00': [
    ...['SA Pacific', '=Eastern Standard Time (Mexico)', 'Eastern', 'Haiti', 'Cuba', 'US Eastern'],
    'Turks And Caicos',
  ],
  '-04:00': ['Atlantic', 'Venezuela', 'Central Brazilian', 'SA Western', 'Pacific SA'],
  '-03:30': ['Newfoundland'],
  '-03:00': [
    ...['Paraguay', 'Tocantins', 'E. South America', 'SA Eastern', 'Argentina', 'Montevideo', 'Magallanes'],
    ...['Saint Pierre', 'Bahia'],
  ],
  '-02:00': ['Greenland', '=UTC-02'],
  '-01:00': ['Azores', 'Cape Verde'],
  '+00:00': ['=UTC', 'GMT', 'Greenwich', 'Sao Tome'],
  '+01:00': ['Morocco', 'W. Europe', 'Central Europe', 'Romance', 'Central European', 'W. Central Africa'],
  '+02:00': [
    ...['GTB', 'Middle East', 'Egypt', 'E. Europe', 'West Bank', 'South Africa', 'FLE', 'Israel', 'South Sudan'],
    ...['Kaliningrad', 'Sudan', 'Libya', 'Namibia'],
  ],
  '+03:00': ['Jordan', 'Syria', 'Arabic', 'Turkey', 'Arab', 'Belarus', 'Russian', 'E. Africa', 'Volgograd'],
  '+03:30': ['Iran'],
  '+04:00': [
    'Arabian',
    'Astrakhan',
    'Azerbaijan',
    '=Russia Time Zone 3',
    'Mauritius',
    'Saratov',
    'Georgian',
    'Caucasus',
  ],
  '+04:30': ['Afghanistan'],
  '+05:00': ['West Asia', 'Ekaterinburg', 'Pakistan', 'Qyzylorda'],
  '+05:30': ['India', 'Sri Lanka'],
  '+05:45': ['Nepal'],
  '+06:00': ['Central Asia', 'Bangladesh', 'Omsk'],
  '+06:30': ['Myanmar'],
  '+07:00': ['SE Asia', 'Altai', 'W. Mongolia', 'North Asia', 'N. Central Asia', 'Tomsk'],
  '+08:00': ['China', 'North Asia East', 'Singapore', 'W. Australia', 'Taipei', 'Ulaanbaatar'],
  '+08:45': ['Aus Central W.'],
  '+09:00': ['Transbaikal', 'Tokyo', 'North Korea', 'Korea', 'Yakutsk'],
  '+09:30': ['Cen. Australia', 'AUS Central'],
  '+10:00': ['E. Australia', 'AUS Eastern', 'West Pacific', 'Tasmania', 'Vladivostok'],
  '+10:30': ['Lord Howe'],
  '+11:00': ['Bougainville', '=Russia Time Zone 10', 'Magadan', 'Norfolk', 'Sakhalin', 'Central Pacific'],
  '+12:00': ['=Russia Time Zone 11', 'New Zealand', '=UTC+12', 'Fiji'],
  '+12:45': ['Chatham Islands'],
  '+13:00': ['=UTC+13', 'Tonga', 'Samoa'],
  '+14:00': ['Line Islands'],
};

/** Two that Windows still lists as old: CLDR gives them no zone, because no place has their rules. */
export const oldWindowsNames = ['Mid-Atlantic Standard Time', 'Kamchatka Standard Time'];

/** The names besides those of Windows that Graph writes (resources/datetimetimezone.md), as it writes them. */
export const namesOfGraph = `
Etc/GMT+12; Etc/GMT+11; Pacific/Honolulu; America/Anchorage; America/Santa_Isabel; America/Los_Angeles; America/Phoenix;
America/Chihuahua; America/Denver; America/Guatemala; America/Chicago; America/Mexico_City; America/Regina; America/Bogota;
America/New_York; America/Indiana/Indianapolis; America/Caracas; America/Asuncion; America/Halifax; America/Cuiaba;
America/La_Paz; America/Santiago; America/St_Johns; America/Sao_Paulo; America/Argentina/Buenos_Aires; America/Cayenne;
America/Godthab; America/Montevideo; America/Bahia; Etc/GMT+2; Atlantic/Azores; Atlantic/Cape_Verde; Africa/Casablanca;
Etc/GMT; Europe/London; Atlantic/Reykjavik; Europe/Berlin; Europe/Budapest; Europe/Paris; Europe/Warsaw; Africa/Lagos;
Africa/Windhoek; Europe/Bucharest; Asia/Beirut; Africa/Cairo; Asia/Damascus; Africa/Johannesburg; Europe/Kyiv (Kiev);
Europe/Istanbul; Asia/Jerusalem; Asia/Amman; Asia/Baghdad; Europe/Kaliningrad; Asia/Riyadh; Africa/Nairobi; Asia/Tehran;
Asia/Dubai; Asia/Baku; Europe/Moscow; Indian/Mauritius; Asia/Tbilisi; Asia/Yerevan; Asia/Kabul; Asia/Karachi;
Asia/Toshkent (Tashkent); Asia/Kolkata; Asia/Colombo; Asia/Kathmandu; Asia/Astana (Almaty); Asia/Dhaka;
Asia/Yekaterinburg; Asia/Yangon (Rangoon); Asia/Bangkok; Asia/Novosibirsk; Asia/Shanghai; Asia/Krasnoyarsk; Asia/Singapore;
Australia/Perth; Asia/Taipei; Asia/Ulaanbaatar; Asia/Irkutsk; Asia/Tokyo; Asia/Seoul; Australia/Adelaide; Australia/Darwin;
Australia/Brisbane; Australia/Sydney; Pacific/Port_Moresby; Australia/Hobart; Asia/Yakutsk; Pacific/Guadalcanal;
Asia/Vladivostok; Pacific/Auckland; Etc/GMT-12; Pacific/Fiji; Asia/Magadan; Pacific/Tongatapu; Pacific/Apia;
Pacific/Kiritimati
`
  .split(';')
  .map((name) => name.trim());
