import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { dayAndTime, hoursAndMinutes } from "./times.ts";

const HEIGHT = 150;
/** A single minute would be shown on an axis of years. */
const LEAST_SECONDS = 600;
/** What is counted is counted in whole numbers. */
const WHOLE = [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((power) => [1, 2, 5].map((each) => each * 10 ** power));

interface Shown {
  title: string;
  /** Seconds since the epoch, or the number of a bar. */
  x: number[];
  y: (number | null)[];
  /** Names of the bars; without them it is a line over time. */
  names?: string[];
  empty: string;
}

/** A line over time, or bars; what it shows is in a table too, for those who don't see it. */
export function Chart({ title, x, y, names, empty }: Shown): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const hasData = y.some((each) => each !== null && each > 0);

  useEffect(() => {
    const element = box.current;
    if (!element || !hasData) return undefined;
    const colour = getComputedStyle(element).getPropertyValue("color");
    const quiet = getComputedStyle(document.body).getPropertyValue("color");
    const [first = 0, last = first] = [x[0], x[x.length - 1]];
    const bars = uPlot.paths.bars?.({ size: [0.8, 60] });
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: names
            ? { time: false, range: [-0.6, names.length - 0.4] }
            : { range: () => [Math.min(first, last - LEAST_SECONDS), last] },
        },
        axes: [
          {
            stroke: quiet,
            grid: { show: false },
            ...(names
              ? { splits: () => x, values: () => names, rotate: -60, size: 56 }
              : { values: (_: uPlot, splits: number[]) => splits.map((each) => hoursAndMinutes(each * 1000)) }),
          },
          { stroke: quiet, grid: { stroke: "rgba(128,128,128,0.2)" }, size: 60, incrs: WHOLE },
        ],
        series: [
          {},
          { stroke: colour, width: 2, ...(names && bars ? { paths: bars, fill: colour, points: { show: false } } : { points: { show: x.length < 3 } }) },
        ],
      },
      [x, y],
      element,
    );
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [x, y, names, hasData]);

  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      {hasData ? <div ref={box} class="plot" aria-hidden="true" /> : <p class="empty">{empty}</p>}
      {hasData && (
        // A table itself is never less high than its rows.
        <div class="hidden">
          <table>
            <caption>{title}</caption>
            <tbody>
              {x.map((each, index) => (
                <tr key={each}>
                  <th scope="row">{names?.[index] ?? dayAndTime(each * 1000)}</th>
                  <td>{y[index]}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </figure>
  );
}
