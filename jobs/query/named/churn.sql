-- Rank correlation of every unlagged feature with itself one to five eras back, mean over the latest 52 eras.
with eras as (
  select era, row_number() over (order by era desc) as n
  from (select distinct era from features_{{set}}) as e
),
-- Ranks with ties at their mean, up to a constant that a correlation does not see.
ranked as (
  select
    f.ticker,
    n,
    {{#unlagged}}
    case when {{name}} is not null
      then rank() over (partition by f.era, {{name}} is null order by {{name}})
        + count(*) over (partition by f.era, {{name}}) / 2e0 end as {{name}}{{^isLast}},{{/isLast}}
    {{/unlagged}}
  from features_{{set}} as f
  join eras on eras.era = f.era
  where n <= 57
),
by_era as (
  select
    b.n - a.n as eras_back,
    {{#unlagged}}
    case when stddev_samp(a.{{name}}) > 0 and stddev_samp(b.{{name}}) > 0
      then corr(a.{{name}}, b.{{name}}) end as {{name}}{{^isLast}},{{/isLast}}
    {{/unlagged}}
  from ranked as a
  join ranked as b on b.ticker = a.ticker and b.n - a.n between 1 and 5
  where a.n <= 52
  group by a.n, b.n
)
select
  eras_back,
  {{#unlagged}}
  avg({{name}}) as {{name}}{{^isLast}},{{/isLast}}
  {{/unlagged}}
from by_era
group by eras_back
order by eras_back
