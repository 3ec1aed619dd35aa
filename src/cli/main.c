/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: not written yet. */
int main(void)
{
	return 1;
}
