-- Percent rank of every feature within its era, 0 to 1 and NULL where the feature is NULL: input for a model.
-- One window over all features, a feature a row: a window for each of hundreds of features takes several times as long.
with long as (
  select ticker, era, date, number, value
  from features_{{set}}
  cross join unnest(array[
    {{#features}}
    {{name}}{{^isLast}},{{/isLast}}
    {{/features}}
  ]) with ordinality as f(value, number)
),
ranked as (
  select
    ticker,
    era,
    date,
    number,
    case when value is not null
      then percent_rank() over (partition by era, number, value is null order by value) end as percent
  from long
),
wide as (
  select ticker, era, date, array_agg(percent order by number) as percents
  from ranked
  group by ticker, era, date
)
select
  ticker,
  era,
  date,
  {{#features}}
  percents[{{number}}] as {{name}}{{^isLast}},{{/isLast}}
  {{/features}}
from wide
order by era, ticker
