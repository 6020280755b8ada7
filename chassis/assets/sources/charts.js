// `[data-chart]` holds a JSON specification and becomes a chart next to its table, which stays:
//   {"type": "bar" | "line", "categories": [...], "series": [{"name", "data": [...], "error": [...]}]}
// `error` is the margin of each value and is drawn as a whisker. null is a gap: a suppressed cell is not a zero.
import { BarChart, CustomChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([BarChart, LineChart, CustomChart, GridComponent, TooltipComponent, LegendComponent, AriaComponent, CanvasRenderer]);

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const shown = (value) => (value === null || value === undefined ? "–" : value.toLocaleString(document.documentElement.lang));
const drawn = new Map();

const whisker = (colour) => (params, api) => {
  const [low, high] = [api.coord([api.value(0), api.value(1)]), api.coord([api.value(0), api.value(2)])];
  const half = Math.min(6, api.size([1, 0])[0] / 6);
  const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: colour, lineWidth: 1.25 } });
  return { type: "group", children: [
    line(low[0], low[1], high[0], high[1]), line(low[0] - half, low[1], low[0] + half, low[1]), line(high[0] - half, high[1], high[0] + half, high[1]),
  ] };
};

const specified = (spec, label) => {
  const ink = token("--ink-soft");
  const margins = spec.series.length === 1
    ? spec.series.filter((one) => one.error).map((one) => ({
      type: "custom", name: "±", silent: true, z: 5, tooltip: { show: false }, renderItem: whisker(token("--ink")),
      encode: { x: 0, y: [1, 2] },
      data: one.data.flatMap((value, at) => (value === null || one.error[at] == null ? [] : [[at, value - one.error[at], value + one.error[at]]])),
    })) : [];
  return {
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    aria: { enabled: true, label: { description: label } },
    color: ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5", "--chart-6"].map(token),
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
    grid: { left: 8, right: 16, top: spec.series.length > 1 ? 40 : 16, bottom: 8, containLabel: true },
    legend: spec.series.length > 1 ? { top: 0, data: spec.series.map((one) => one.name), textStyle: { color: ink } } : undefined,
    tooltip: {
      trigger: "axis", renderMode: "richText", // HTML tooltips would need inline styles
      backgroundColor: token("--raised"), borderColor: token("--line"), textStyle: { color: token("--ink") },
      formatter: (points) => [points[0]?.name, ...points.filter((point) => point.seriesType !== "custom").map((point) => {
        const margin = spec.series[point.seriesIndex]?.error?.[point.dataIndex];
        return `${point.seriesName}: ${shown(point.value)}${margin == null ? "" : ` ± ${shown(margin)}`}`;
      })].join("\n"),
    },
    xAxis: { type: "category", data: spec.categories, inverse: document.documentElement.dir === "rtl", axisLabel: { color: ink, hideOverlap: true }, axisLine: { lineStyle: { color: token("--line") } }, axisTick: { show: false } },
    yAxis: { type: "value", position: document.documentElement.dir === "rtl" ? "right" : "left", axisLabel: { color: ink, formatter: shown }, splitLine: { lineStyle: { color: token("--line-soft") } } },
    series: [...spec.series.map((one) => ({
      type: spec.type === "line" ? "line" : "bar", name: one.name, data: one.data, barMaxWidth: 44, connectNulls: false,
      itemStyle: spec.type === "line" ? {} : { borderRadius: [3, 3, 0, 0] },
    })), ...margins],
  };
};

const draw = (place) => {
  let spec;
  try {
    spec = JSON.parse(place.dataset.chart);
  } catch {
    return;
  }
  const label = place.getAttribute("aria-label") || spec.series.map((one) => one.name).join(", ");
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", label);
  place.classList.add("chart-drawn");
  const chart = drawn.get(place) ?? echarts.init(place);
  chart.setOption(specified(spec, label), true);
  place.setAttribute("aria-label", label); // ECharts writes one of its own
  if (!drawn.has(place)) new ResizeObserver(() => chart.resize()).observe(place);
  drawn.set(place, chart);
};

const all = (root) => {
  for (const [place, chart] of drawn) {
    if (!place.isConnected) {
      chart.dispose();
      drawn.delete(place);
    }
  }
  root.querySelectorAll("[data-chart]").forEach(draw);
};
all(document);
document.addEventListener("htmx:load", (event) => all(event.detail.elt));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(document));
