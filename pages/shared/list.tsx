import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

interface Shown<Item> {
  items: readonly Item[];
  keyOf: (item: Item) => number;
  selected: number | null;
  select: (key: number | null) => void;
  label: string;
  id: string;
  rowHeight: number;
  children: (item: Item, isSelected: boolean) => ComponentChildren;
}

const SPARE = 8;
/** So near to the end a list follows what comes. */
const NEAR_END = 4;

/**
 * A list box of any length that has only the rows in sight in the document (WAI-ARIA Authoring
 * Practices, "Listbox"). It stays at its end while it is there, as a terminal does.
 */
export function List<Item>(shown: Shown<Item>): JSX.Element {
  const { items, keyOf, selected, select, rowHeight } = shown;
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = box.current;
    if (element && isAtEnd.current) element.scrollTop = element.scrollHeight;
  }, [items, height]);

  const first = Math.max(0, Math.floor(top / rowHeight) - SPARE);
  const last = Math.min(items.length, Math.ceil((top + height) / rowHeight) + SPARE);

  const inSight = items.slice(first, last);
  const isInSight = inSight.some((item) => keyOf(item) === selected);

  function look(): void {
    const element = box.current;
    if (!element) return;
    isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END;
    setTop(element.scrollTop);
  }

  function move(to: number): void {
    const item = items[Math.max(0, Math.min(items.length - 1, to))];
    const element = box.current;
    if (!item || !element) return;
    const y = items.indexOf(item) * rowHeight;
    if (y < element.scrollTop) element.scrollTop = y;
    const below = y + rowHeight - element.clientHeight;
    if (below > element.scrollTop) element.scrollTop = below;
    select(keyOf(item));
  }

  function press(event: KeyboardEvent): void {
    const at = items.findIndex((item) => keyOf(item) === selected);
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at < 0 ? items.length - 1 : at - 1,
      PageDown: at + page,
      PageUp: Math.max(0, at - page),
      Home: 0,
      End: items.length - 1,
    };
    const to = steps[event.key];
    if (to !== undefined) {
      event.preventDefault();
      move(to);
    } else if (event.key === "Escape") {
      select(null);
    }
  }

  return (
    <div
      ref={box}
      id={shown.id}
      class="list"
      role="listbox"
      tabIndex={0}
      aria-label={shown.label}
      {...(isInSight && { "aria-activedescendant": `${shown.id}-${selected}` })}
      onScroll={look}
      onKeyDown={press}
    >
      <div class="list-all" role="presentation" style={{ height: `${items.length * rowHeight}px` }}>
        {inSight.map((item, index) => {
          const key = keyOf(item);
          return (
            <div
              key={key}
              id={`${shown.id}-${key}`}
              class="list-row"
              role="option"
              aria-selected={key === selected}
              aria-posinset={first + index + 1}
              aria-setsize={items.length}
              style={{ top: `${(first + index) * rowHeight}px`, height: `${rowHeight}px` }}
              onClick={() => select(key)}
            >
              {shown.children(item, key === selected)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
