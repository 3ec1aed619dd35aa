/* SPDX-License-Identifier: Apache-2.0 */
/* Which entry of grub.cfg will start: by number, title, id, path, from the environment block or
 * not; and whatever is not certain is said and gives each entry that it may be. */
#include "story_test.h"

#include "attest/predict_parts.h"

#define HEADER(value)                                                                              \
	"if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n"               \
	"if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\n   set next_entry=\n"  \
	"   save_env next_entry\n   set boot_once=true\nelse\n   set default=\"" value "\"\nfi\n"  \
	"if [ x\"${feature_menuentry_id}\" = xy ]; then\n  menuentry_id_option=\"--id\"\nfi\n"
#define BODY "{\n\techo 'Loading'\n\tlinux /vmlinuz ro\n}\n"
#define MENU                                                                                              \
	"menuentry 'Debian' --class debian $menuentry_id_option 'simple' " BODY                           \
	"submenu 'More > less' $menuentry_id_option 'advanced' {\n"                                       \
	"\tmenuentry 'New' $menuentry_id_option 'new' " BODY "\tmenuentry \"Old\" --id old " BODY         \
	"\tsubmenu 'Deep' { menuentry 'Old' { linux /v } }\n}\n"                                          \
	"if [ \"$grub_platform\" = \"efi\" ]; then\n\tmenuentry 'Firmware' --id fw {\n\tfwsetup\n}\nfi\n" \
	"menuentry '6.1 rescue' " BODY

static struct predict_choices choices;

static void choose(const char *config, const char *variables)
{
	RF_AUTOBUF struct rf_buf block = {0};
	static struct grubenv env;

	if (variables) {
		rf_buf_printf(&block, "# GRUB Environment Block\n%s####", variables);
		assert_int_equal(grubenv_parse(rf_buf_slice(&block), &env, NULL), 0);
	}
	assert_int_equal(predict_choose(story_text(config), variables ? &env : NULL, &choices), 0);
}

static void the_entry_that_starts(void **state)
{
	static const struct {
		const char *name, *config, *env, *title, *chosen;
		bool once, saves_nothing;
	} rows[] = {
		{"the first", HEADER("0") MENU, "", "Debian", "simple", false, false},
		{"no default at all", MENU, "", "Debian", "simple", false, false},
		{"an empty default", "set default=\n" MENU, "", "Debian", "simple", false, false},
		{"by title", HEADER("Debian") MENU, "", "Debian", "simple", false, false},
		{"by id", "default=simple\n" MENU, "", "Debian", "simple", false, false},
		{"a path of numbers", HEADER("1>1") MENU, "", "More > less > Old", "advanced>old",
		 false, false},
		{"a path of ids", HEADER("advanced>old") MENU, "", "More > less > Old",
		 "advanced>old", false, false},
		{"a path with a doubled sign", HEADER("More >> less>Old") MENU, "",
		 "More > less > Old", "advanced>old", false, false},
		{"a path that ends early", HEADER("1") MENU, "", "More > less > New",
		 "advanced>new", false, false},
		{"deeper", HEADER("1>2>0") MENU, "", "More > less > Deep > Old",
		 "advanced>Deep>Old", false, false},
		{"hexadecimal and octal", HEADER("0x1>01") MENU, "", "More > less > Old",
		 "advanced>old", false, false},
		{"saved", HEADER("${saved_entry}") MENU, "saved_entry=advanced>old\n",
		 "More > less > Old", "advanced>old", false, false},
		{"nothing saved", HEADER("${saved_entry}") MENU, "", "Debian", "simple", false,
		 false},
		{"asked for once", HEADER("0") MENU, "next_entry=1>0\n", "More > less > New",
		 "advanced>new", true, true},
		{"once before saved", HEADER("${saved_entry}") MENU,
		 "saved_entry=0\nnext_entry=advanced>old\n", "More > less > Old", "advanced>old",
		 true, true},
		{"an empty request", HEADER("0") MENU, "next_entry=\n", "Debian", "simple", false,
		 false},
		{"a comment", "#set default=1\nset default=0 # set default=1\n" MENU, "", "Debian",
		 "simple", false, false},
		{"a function's own", "function f {\n set default=1\n}\n" MENU, "", "Debian",
		 "simple", false, false},
		{"the last one counts", "set default=0\nset default='1'\n" MENU, "",
		 "More > less > New", "advanced>new", false, false},
		{"a branch that is not taken",
		 "if [ -n \"$next_entry\" ]; then set default=1; elif [ -z \"$next_entry\" ]; then "
		 "set default=0; else set default=1; fi\n" MENU,
		 "", "Debian", "simple", false, false},
		{"by a variable of the script", "set a=1\nset default=\"${a}>1\"\n" MENU, "",
		 "More > less > Old", "advanced>old", false, false},
		{"compared",
		 "if [ \"${initrdfail}\" = 1 ]; then\n set default=1\nfi\nif [ a != \"b\" ]; then "
		 "set x=1; fi\n" MENU,
		 "initrdfail=1\n", "More > less > New", "advanced>new", false, false},
		{"whatever comes, it is one entry",
		 "if search x; then\n set default=0\nelse\n set default=simple\nfi\n" MENU, "",
		 "Debian", "simple", false, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct predict_choice *got = &choices.items[0];

		choose(rows[i].config, rows[i].env);
		if (choices.count != 1 || !choices.certain ||
		    strcmp(got->title, rows[i].title) != 0 ||
		    strcmp(got->chosen, rows[i].chosen) != 0 || got->once != rows[i].once ||
		    got->saves_nothing != rows[i].saves_nothing || choices.notes.count)
			fail_msg("%s: %zu, %s, %s, %s", rows[i].name, choices.count, got->title,
				 got->chosen, choices.notes.lines[0]);
	}
}

static void what_is_not_certain_is_said(void **state)
{
	static const struct {
		const char *name, *config, *env, *titles[8], *note;
		bool certain;
	} rows[] = {
		{"a name that is not there",
		 HEADER("nonsense") MENU,
		 "",
		 {"Debian"},
		 "names no entry of the menu: GRUB starts the first one",
		 true},
		{"a number that is too high",
		 HEADER("7") MENU,
		 "",
		 {"Debian"},
		 "names no entry of the menu",
		 false},
		{"an entry of no submenu",
		 HEADER("1>9") MENU,
		 "",
		 {"More > less > New"},
		 "names no entry",
		 true},
		{"a title that begins with a number",
		 HEADER("6.1 rescue") MENU,
		 "",
		 {"6.1 rescue"},
		 "begins with a number",
		 false},
		{"behind an entry on a condition",
		 HEADER("3") MENU,
		 "",
		 {"6.1 rescue"},
		 "only on a condition",
		 false},
		{"by a condition",
		 "if search x; then\n set default=1\nelse\n set default=6\nfi\n" MENU,
		 "",
		 {"Debian", "More > less > New"},
		 "by conditions that nobody knows",
		 false},
		{"by a condition of two commands",
		 "if true; [ ]; then\n set default=1\nfi\n" MENU,
		 "",
		 {"More > less > New", "Debian"},
		 "by conditions",
		 false},
		{"by a loop",
		 "for x in a b; do\n set default=1\ndone\n" MENU,
		 "",
		 {"More > less > New", "Debian"},
		 "by conditions",
		 false},
		{"by a variable",
		 "set default=$prefix\n" MENU,
		 "",
		 {"Debian", "More > less > New", "More > less > Old", "More > less > Deep > Old",
		  "6.1 rescue"},
		 "hangs on a variable",
		 false},
		{"the block cannot be read",
		 HEADER("0") MENU,
		 NULL,
		 {"Debian", "More > less > New", "More > less > Old", "More > less > Deep > Old",
		  "6.1 rescue"},
		 "grubenv) could not be read",
		 false},
		{"a variable, and a default behind it",
		 "set default=$prefix\nset default=1\n" MENU,
		 "",
		 {"More > less > New"},
		 NULL,
		 true},
		{"a title with a variable",
		 "set default=1\nmenuentry \"$x\" { linux /v }\n" MENU,
		 "",
		 {"Debian"},
		 NULL,
		 true},
		{"the first has a variable",
		 "menuentry \"$x\" { linux /v }\n" MENU,
		 "",
		 {NULL},
		 "a name with a variable",
		 false},
		{"a submenu without entries", "submenu a { }\n" MENU, "", {NULL}, NULL, false},
		{"no menu", HEADER("0"), "", {NULL}, "holds no menu", false},
		{"nothing", "", "", {NULL}, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		size_t count = 0;

		choose(rows[i].config, rows[i].env);
		bool noted = !rows[i].note && !choices.notes.count;
		for (size_t n = 0; rows[i].note && n < choices.notes.count; n++)
			noted |= strstr(choices.notes.lines[n], rows[i].note) != NULL;
		for (; count < 8 && rows[i].titles[count]; count++) {
			bool found = false;

			for (size_t k = 0; k < choices.count; k++)
				found |= strcmp(choices.items[k].title, rows[i].titles[count]) == 0;
			if (!found)
				fail_msg("%s: %s is missing", rows[i].name, rows[i].titles[count]);
		}
		if (count != choices.count || !noted || choices.certain != rows[i].certain)
			fail_msg("%s: %zu choices, certain %d, first %s, %s", rows[i].name,
				 choices.count, choices.certain, choices.items[0].title,
				 choices.notes.lines[0]);
	}
}

/* Scripts that are no scripts: bounded, and never certain of what was not understood. */
static void hostile_scripts(void **state)
{
	RF_AUTOBUF struct rf_buf deep = {0}, many = {0}, wide = {0}, submenus = {0};

	(void)state;
	for (size_t i = 0; i < 100; i++)
		rf_buf_add_text(&deep, "if [ a ]; then\n");
	rf_buf_add_text(&deep, "set default=1\n" MENU);
	choose(rf_buf_text(&deep), "");
	assert_false(choices.certain);
	for (size_t i = 0; i < 100; i++)
		rf_buf_printf(&many, "set v%zu=1\n", i);
	rf_buf_add_text(&many, MENU);
	choose(rf_buf_text(&many), "");
	assert_false(choices.certain);
	for (size_t i = 0; i < 20; i++)
		rf_buf_printf(&wide, "menuentry 'e%zu' " BODY, i);
	rf_buf_add_text(&wide, "set default=$x\n");
	choose(rf_buf_text(&wide), "");
	assert_int_equal(choices.count, PREDICT_MAX_CHOICES);
	/* The first may be meant by `default` before the script assigns it: no choice more. */
	assert_int_equal(choices.dropped, 20 - PREDICT_MAX_CHOICES);
	for (size_t i = 0; i < 50; i++)
		rf_buf_printf(&submenus, "submenu s%zu { ", i);
	rf_buf_add_text(&submenus, "menuentry e { linux /v }");
	for (size_t i = 0; i < 50; i++)
		rf_buf_add_text(&submenus, " }");
	choose(rf_buf_text(&submenus), "");
	assert_int_equal(choices.count, 0);
	assert_false(choices.certain);
	choose("fi\nfi\nelse\nthen\ndone\nelif [ a ]; then\nset default=0\n" MENU, "");
	assert_int_equal(choices.count, 1);
	choose("if\nelif\nif [\nif [ ]\nif [ ${ ]\nset\nset =\nset default\n=\n'\n" MENU, "");
	choose("set default=\"${x\n\\", "");
	choose("\\", "");
}

static void no_memory_is_told(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 2; n++) {
		rf_alloc_fail_after(n);
		int rc = predict_choose(story_text(MENU), NULL, &choices);

		rf_alloc_fail_after(0);
		assert_int_equal(rc, -ENOMEM);
	}
}

static void the_kernel_of_an_entry(void **state)
{
	static const struct {
		const char *body, *path;
	} rows[] = {
		{"{ linux /boot/vmlinuz ro }", "/boot/vmlinuz"},
		{"{\n set x=y\n\tlinuxefi\t/v\n}", "/v"},
		{"{ linux $kernel ro }", ""},
		{"{ linux /v$x ro }", ""},
		{"{ linux (hd0)/v ro }", ""},
		{"{ linux }", NULL},
		{"{ chainloader /x.efi }", NULL},
		{"{ }", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct predict_choice choice = {.depth = 1};
		char path[64];

		choice.levels[0].body = story_text(rows[i].body);
		const char *got = predict_way_kernel(&choice, path, sizeof(path));

		if (!rf_equal(got, rows[i].path))
			fail_msg("%s: %s", rows[i].body, got ? got : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_entry_that_starts),
		cmocka_unit_test(what_is_not_certain_is_said),
		cmocka_unit_test(hostile_scripts),
		cmocka_unit_test(no_memory_is_told),
		cmocka_unit_test(the_kernel_of_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
