/** `tzone://Microsoft/Utc` is what Exchange writes for meetings sent in UTC; its like for custom zones names none. */
const microsofts: Readonly<Record<string, string>> = { 'tzone://microsoft/utc': 'Etc/UTC' };

let windowsNames: Promise<ReadonlyMap<string, string>> | undefined;

/**
 * The IANA zone that Graph means. It writes Windows names, IANA names, and some IANA names with an older one behind
 * (`Europe/Kyiv (Kiev)`, `Asia/Toshkent (Tashkent)`; resources/datetimetimezone).
 * @returns undefined for a custom zone, and for one that nobody knows: nothing may be guessed from it
 */
export async function ianaZone(told: string): Promise<string | undefined> {
  const name = told.trim();
  const known = microsofts[name.toLowerCase()] ?? (await windowsZones()).get(name.toLowerCase());
  if (known !== undefined) return known;
  const [, area, city, older] = /^([A-Za-z_]+)\/([\w+-]+(?:\/[\w+-]+)?)(?: \((\w+)\))?$/.exec(name) ?? [];
  if (area === undefined) return undefined;
  return [`${area}/${city}`, ...(older ? [`${area}/${older}`] : [])].find(isZone);
}

/** CLDR's table, of each Windows name the zone for the world at large (territory 001). */
function windowsZones(): Promise<ReadonlyMap<string, string>> {
  windowsNames ??= import('cldr-core/supplemental/windowsZones.json', { with: { type: 'json' } }).then((file) => {
    const rows = file.default.supplemental.windowsZones.mapTimezones.map(({ mapZone }) => mapZone);
    return new Map(
      rows.filter((row) => row._territory === '001').map((row) => [row._other.toLowerCase(), row._type] as const),
    );
  });
  return windowsNames;
}

/** Asking `Intl` is slow, and a tenant has few zones; what it invents must not fill the memory. */
const tried = new Map<string, boolean>();

function isZone(name: string): boolean {
  const known = tried.get(name);
  if (known !== undefined) return known;
  let is = true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
  } catch {
    is = false;
  }
  if (tried.size > 1_000) tried.clear();
  tried.set(name, is);
  return is;
}
