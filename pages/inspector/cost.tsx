import type { JSX } from "preact";

import { cost } from "./service.ts";
import { texts } from "./texts.ts";

/** What this session would cost on AWS, in a line. */
export function CostLine(): JSX.Element | null {
  const t = texts.value;
  const spent = cost.value;
  if (!spent) return null;
  const { region, asOf, sources } = spent.prices;
  return (
    <footer class="cost">
      {t.cost(spent.messages, spent.connectionMinutes, spent.requests, spent.gbSeconds)}{" "}
      <strong>{dollars(spent.dollars.total)}</strong> <span>{t.prices(region, asOf, sources.join(", "))}</span>
    </footer>
  );
}

/** Small sums have their first two digits that aren't 0. */
function dollars(sum: number): string {
  return sum === 0 ? "$0" : `$${sum >= 1 ? sum.toFixed(2) : sum.toFixed(Math.min(12, 1 - Math.floor(Math.log10(sum))))}`;
}
