import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";

import { type Statistics, ask, isClosed } from "./api.ts";
import { Chart } from "./chart.tsx";
import { texts } from "./texts.ts";

const EVERY_MS = 10_000;

const statistics = signal<Statistics | null>(null);

async function look(): Promise<void> {
  if (isClosed.value || document.hidden) return;
  statistics.value = await ask<Statistics>("GET", "/statistics").catch(() => null);
}

export function Overview(): JSX.Element {
  const t = texts.value;
  useEffect(() => {
    void look();
    const timer = setInterval(() => void look(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const found = statistics.value;
  const minutes = useMemo(() => found?.minutes ?? [], [found]);
  const x = useMemo(() => minutes.map((each) => each.at / 1000), [minutes]);
  const online = useMemo(() => minutes.map((each) => each.online ?? null), [minutes]);
  const sent = useMemo(() => minutes.map((each) => each.counts["Delivered"] ?? 0), [minutes]);
  const latest = [...online].reverse().find((each) => each !== null);
  const rate = found?.deliveryRate;
  return (
    <section class="card wide" aria-labelledby="overview-title">
      <h2 id="overview-title">{t.overview}</h2>
      <dl class="figures">
        <Figure name={t.online} value={latest === undefined || latest === null ? t.none : latest.toFixed(0)} />
        <Figure name={t.deliveryRate} value={rate === undefined || rate === null ? t.none : `${(rate * 100).toFixed(1)} %`} />
        <Figure name={t.latency} value={span(found?.histograms["DeliveryLatency"]?.mean)} />
        <Figure name={t.duration} value={span(found?.histograms["SessionDuration"]?.mean)} />
      </dl>
      <div class="charts">
        <Chart title={t.onlineChart} x={x} y={online} empty={t.nothingYet} />
        <Chart title={t.sentChart} x={x} y={sent} empty={t.nothingYet} />
        <Histogram title={t.latencyChart} of={found?.histograms["DeliveryLatency"]} />
        <Histogram title={t.durationChart} of={found?.histograms["SessionDuration"]} />
      </div>
    </section>
  );
}

function Histogram({ title, of }: { title: string; of: Statistics["histograms"][string] | undefined }): JSX.Element {
  const buckets = useMemo(() => of?.buckets ?? [], [of]);
  const x = useMemo(() => buckets.map((_, index) => index), [buckets]);
  const y = useMemo(() => buckets.map((each) => each.count), [buckets]);
  const names = useMemo(
    () => buckets.map((each) => (each.upper === undefined || each.upper === null ? "…" : span(each.upper))),
    [buckets],
  );
  return <Chart title={title} x={x} y={y} names={names} empty={texts.value.nothingYet} />;
}

function Figure({ name, value }: { name: string; value: string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Milliseconds as people say them. */
function span(ms: number | null | undefined): string {
  if (ms === undefined || ms === null) return texts.value.none;
  if (ms < 1_000) return `${ms.toFixed(0)} ms`;
  if (ms < 60_000) return `${+(ms / 1_000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${+(ms / 60_000).toFixed(1)} min` : `${+(ms / 3_600_000).toFixed(1)} h`;
}
