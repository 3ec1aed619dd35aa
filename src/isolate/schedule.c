/* SPDX-License-Identifier: Apache-2.0 */
/* Times of the week. See schedule.h. */
#include "isolate/schedule.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define DAY_MINUTES 1440
#define LOOK_AHEAD  (8 * DAY_MINUTES)

static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static int day_of(const char *text)
{
	for (int i = 0; i < 7; i++) {
		if (rf_equal_nocase(days[i], text))
			return i;
	}
	return -1;
}

/* "mon-fri" or "sat"; fri-mon goes over the week's end. */
static bool range_take(char *text, uint8_t *out)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash = '\0';
	int first = day_of(text), last = dash ? day_of(dash + 1) : first;

	if (first < 0 || last < 0)
		return false;
	for (int day = first;; day = (day + 1) % 7) {
		*out |= (uint8_t)(1u << day);
		if (day == last)
			return true;
	}
}

static bool days_take(char *text, uint8_t *out)
{
	for (char *p = text, *next; p; p = next) {
		next = strchr(p, ',');
		if (next)
			*next++ = '\0';
		if (!range_take(p, out))
			return false;
	}
	return true;
}

/* "08:00"; 24:00 where the end of a day may stand. */
static bool time_take(const char *text, int *out)
{
	char copy[8];
	int64_t hours, minutes;

	if (strlen(text) != 5 || text[2] != ':' || !rf_copy(copy, sizeof(copy), text))
		return false;
	copy[2] = '\0';
	if (rf_num(copy, 10, 0, 24, &hours) < 0 || rf_num(copy + 3, 10, 0, 59, &minutes) < 0 ||
	    (hours == 24 && minutes))
		return false;
	*out = (int)(hours * 60 + minutes);
	return true;
}

static bool window_take(char *text, struct schedule *out)
{
	char *dash = strchr(text, '-');

	if (!dash)
		return false;
	*dash = '\0';
	return time_take(text, &out->from) && time_take(dash + 1, &out->to) &&
	       out->from < DAY_MINUTES && out->from != out->to;
}

int schedule_parse(const char *text, struct schedule *out, struct rf_err *err)
{
	char copy[80], *cursor = copy;
	struct schedule s = {0};
	bool fine = rf_copy(copy, sizeof(copy), text);
	char *first = fine ? rf_word_next(&cursor) : NULL,
	     *second = first ? rf_word_next(&cursor) : NULL;

	if (second)
		fine = days_take(first, &s.days) && window_take(second, &s) &&
		       !rf_word_next(&cursor);
	else
		fine = first && window_take(first, &s);
	if (!fine)
		return rf_fail(err, RF_E_SYNTAX,
			       "%.60s is no time of the week; such are mon-fri 18:00-08:00, "
			       "sat,sun 00:00-24:00, 22:00-06:00",
			       text);
	if (!second)
		s.days = 0x7f;
	*out = s;
	return 0;
}

bool schedule_holds(const struct schedule *s, const struct tm *local)
{
	int minute = local->tm_hour * 60 + local->tm_min;
	unsigned today = (unsigned)(local->tm_wday + 6) % 7, yesterday = (today + 6) % 7;
	bool wraps = s->to <= s->from;

	if (s->days >> today & 1 && minute >= s->from && (wraps || minute < s->to))
		return true;
	return wraps && s->days >> yesterday & 1 && minute < s->to;
}

static bool holds_at(const struct schedule *s, int64_t when_s)
{
	time_t when = (time_t)when_s;
	struct tm local;

	return localtime_r(&when, &local) && schedule_holds(s, &local);
}

int64_t schedule_next(const struct schedule *s, int64_t now_s)
{
	bool now = holds_at(s, now_s);
	int64_t minute = now_s - now_s % 60;

	for (int i = 1; i <= LOOK_AHEAD; i++) {
		if (holds_at(s, minute + i * 60) != now)
			return minute + i * 60;
	}
	return 0;
}
