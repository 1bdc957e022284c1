// Times, rates and digests as people read them.

import { now } from "./live.js";

// span is a length of time in its two largest units.
export function span(milliseconds) {
  const s = Math.max(0, Math.floor(milliseconds / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// set reports whether a time of the API is given at all.
export const set = (time) => Boolean(time) && !time.startsWith("0001-");

// clock is a time of day in UTC, with the date unless that is today's.
export function clock(time) {
  if (!set(time)) return "–";
  const text = new Date(time).toISOString();
  const today = new Date(now()).toISOString().slice(0, 10);
  return (text.slice(0, 10) === today ? "" : `${text.slice(0, 10)} `) + `${text.slice(11, 19)}Z`;
}

// remaining is how long it is until a time, or how long ago that was.
export function remaining(time) {
  const left = Date.parse(time) - now();
  return left > 0 ? `${span(left)} left` : `${span(-left)} over`;
}

// percent is a share that is given in thousandths.
export const percent = (permil) => (permil === undefined || permil < 0 ? "not known" : `${(permil / 10).toFixed(1)} %`);

// rate is a number of bits per second.
export function rate(bps) {
  for (const [size, unit] of [
    [1e12, "Tb/s"],
    [1e9, "Gb/s"],
    [1e6, "Mb/s"],
    [1e3, "kb/s"],
  ]) {
    if (bps >= size) return `${+(bps / size).toPrecision(3)} ${unit}`;
  }
  return `${bps ?? 0} b/s`;
}

// number is a measured value with no more digits than anybody reads.
export function number(value) {
  if (typeof value !== "number") return "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return value.toExponential(1);
  return String(+value.toPrecision(4));
}

// short is a digest's first twelve digits.
export const short = (digest) => (digest ?? "").replace(/^sha256:/, "").slice(0, 12);

// took is a duration as Go writes it, "8.843222ms", with no more digits than anybody reads.
export const took = (duration) => String(duration).replace(/(\.\d\d)\d+/, "$1");

// count is a number with its noun.
export const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
