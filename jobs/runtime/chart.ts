import { BarChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent, VisualMapComponent } from 'echarts/components';
import { init, use, type EChartsCoreOption } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import mustache from 'mustache';

const SIZE = { width: 960, height: 600 };

/** A chart as an SVG picture, or as an HTML page of that title with it. */
export function renderChart(option: EChartsCoreOption, form: 'svg' | 'html', title: string): string {
  use([
    BarChart,
    HeatmapChart,
    LineChart,
    ScatterChart,
    GridComponent,
    LegendComponent,
    TitleComponent,
    VisualMapComponent,
    SVGRenderer,
  ]);
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...SIZE });
  chart.setOption({ animation: false, backgroundColor: '#fff', ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  if (form === 'svg') return svg;
  return `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>${mustache.escape(title)}</title>\n${svg}\n</html>\n`;
}
