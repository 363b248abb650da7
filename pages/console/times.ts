/** Times as the reader's clock has them, written alike in every language. */

// Swedes write dates as ISO 8601 does.
const DAY_AND_TIME = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
const HOURS_AND_MINUTES = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const TO_THE_MILLISECOND = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});

/** Return such as `2026-01-02 03:04:05` of milliseconds since the epoch. */
export function dayAndTime(ms: number): string {
  return DAY_AND_TIME.format(ms);
}

/** Return such as `03:04`. */
export function hoursAndMinutes(ms: number): string {
  return HOURS_AND_MINUTES.format(ms);
}

/** Return such as `03:04:05.678`. */
export function toTheMillisecond(ms: number): string {
  return TO_THE_MILLISECOND.format(ms);
}
