-- Tickers whose prices end before the newest date of the lake, the furthest behind first.
with ends as (
  select ticker, min(date) as first_date, max(date) as last_date, count(*) as num_rows
  from raw_data
  where close is not null
  group by ticker
),
newest as (
  select max(last_date) as newest_date from ends
)
select ticker, first_date, last_date, date_diff('day', last_date, newest_date) as days_behind, num_rows
from ends
cross join newest
where last_date < newest_date
order by days_behind desc, ticker
