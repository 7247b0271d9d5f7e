/*
 * charset_list.h - the numbers of character sets and collations, once.
 *
 * Two families use the same space of numbers. Up to 254 they agree but for the five numbers below. Then:
 *
 *   255 ... 323    MySQL 8 and 9 only: utf8mb4_0900_* and its languages (and 76, 248 to 250)
 *   576 ... 738    MariaDB only: Croatian, Myanmar and Thai of its own
 *   1025 ...       MariaDB only: the collation of number - 1024 with NO PAD (not for every one of them)
 *   2048 ...       MariaDB 10.10 and later only: UCA 14.0.0, 2048 + 256 * character set + 8 * language + flavour
 *
 * Used by both products, for different orders: 122, 149, 181, 213 and 245 are MySQL's utf16_, ucs2_, utf32_, utf8mb3_ and
 * utf8mb4_croatian_ci. MariaDB has those orders under the same numbers as *_croatian_mysql561_ci, and its own *_croatian_ci as
 * 672, 640, 736, 576 and 608. The names here are MySQL's; a look-up by name finds the low number.
 *
 * utf8mb3 was called utf8 before MySQL 8.0.30 and MariaDB 10.6. The default of utf8mb4 is 45 in MySQL 5.7 and MariaDB up to
 * 11.4, 255 in MySQL 8 and 9, utf8mb4_uca1400_ai_ci in later MariaDB; here it is 45, which all of them know.
 */
#ifndef WEIR_WIRE_CHARSET_LIST_H
#define WEIR_WIRE_CHARSET_LIST_H

/* Name, bytes of the longest character, number of the default collation. */
#define CHARSETS(X) \
    X(armscii8, 1, 32) \
    X(ascii, 1, 11) \
    X(big5, 2, 1) \
    X(binary, 1, 63) \
    X(cp1250, 1, 26) \
    X(cp1251, 1, 51) \
    X(cp1256, 1, 57) \
    X(cp1257, 1, 59) \
    X(cp850, 1, 4) \
    X(cp852, 1, 40) \
    X(cp866, 1, 36) \
    X(cp932, 2, 95) \
    X(dec8, 1, 3) \
    X(eucjpms, 3, 97) \
    X(euckr, 2, 19) \
    X(gb18030, 4, 248) \
    X(gb2312, 2, 24) \
    X(gbk, 2, 28) \
    X(geostd8, 1, 92) \
    X(greek, 1, 25) \
    X(hebrew, 1, 16) \
    X(hp8, 1, 6) \
    X(keybcs2, 1, 37) \
    X(koi8r, 1, 7) \
    X(koi8u, 1, 22) \
    X(latin1, 1, 8) \
    X(latin2, 1, 9) \
    X(latin5, 1, 30) \
    X(latin7, 1, 41) \
    X(macce, 1, 38) \
    X(macroman, 1, 39) \
    X(sjis, 2, 13) \
    X(swe7, 1, 10) \
    X(tis620, 1, 18) \
    X(ucs2, 2, 35) \
    X(ujis, 3, 12) \
    X(utf16, 4, 54) \
    X(utf16le, 4, 56) \
    X(utf32, 4, 60) \
    X(utf8mb3, 3, 33) \
    X(utf8mb4, 4, 45)

/* Number, character set, name. In ascending order: MySQL's and MariaDB's common numbers ... */
#define COLLATIONS_COMMON(X) \
    X(1, big5, "big5_chinese_ci") \
    X(2, latin2, "latin2_czech_cs") \
    X(3, dec8, "dec8_swedish_ci") \
    X(4, cp850, "cp850_general_ci") \
    X(5, latin1, "latin1_german1_ci") \
    X(6, hp8, "hp8_english_ci") \
    X(7, koi8r, "koi8r_general_ci") \
    X(8, latin1, "latin1_swedish_ci") \
    X(9, latin2, "latin2_general_ci") \
    X(10, swe7, "swe7_swedish_ci") \
    X(11, ascii, "ascii_general_ci") \
    X(12, ujis, "ujis_japanese_ci") \
    X(13, sjis, "sjis_japanese_ci") \
    X(14, cp1251, "cp1251_bulgarian_ci") \
    X(15, latin1, "latin1_danish_ci") \
    X(16, hebrew, "hebrew_general_ci") \
    X(18, tis620, "tis620_thai_ci") \
    X(19, euckr, "euckr_korean_ci") \
    X(20, latin7, "latin7_estonian_cs") \
    X(21, latin2, "latin2_hungarian_ci") \
    X(22, koi8u, "koi8u_general_ci") \
    X(23, cp1251, "cp1251_ukrainian_ci") \
    X(24, gb2312, "gb2312_chinese_ci") \
    X(25, greek, "greek_general_ci") \
    X(26, cp1250, "cp1250_general_ci") \
    X(27, latin2, "latin2_croatian_ci") \
    X(28, gbk, "gbk_chinese_ci") \
    X(29, cp1257, "cp1257_lithuanian_ci") \
    X(30, latin5, "latin5_turkish_ci") \
    X(31, latin1, "latin1_german2_ci") \
    X(32, armscii8, "armscii8_general_ci") \
    X(33, utf8mb3, "utf8mb3_general_ci") \
    X(34, cp1250, "cp1250_czech_cs") \
    X(35, ucs2, "ucs2_general_ci") \
    X(36, cp866, "cp866_general_ci") \
    X(37, keybcs2, "keybcs2_general_ci") \
    X(38, macce, "macce_general_ci") \
    X(39, macroman, "macroman_general_ci") \
    X(40, cp852, "cp852_general_ci") \
    X(41, latin7, "latin7_general_ci") \
    X(42, latin7, "latin7_general_cs") \
    X(43, macce, "macce_bin") \
    X(44, cp1250, "cp1250_croatian_ci") \
    X(45, utf8mb4, "utf8mb4_general_ci") \
    X(46, utf8mb4, "utf8mb4_bin") \
    X(47, latin1, "latin1_bin") \
    X(48, latin1, "latin1_general_ci") \
    X(49, latin1, "latin1_general_cs") \
    X(50, cp1251, "cp1251_bin") \
    X(51, cp1251, "cp1251_general_ci") \
    X(52, cp1251, "cp1251_general_cs") \
    X(53, macroman, "macroman_bin") \
    X(54, utf16, "utf16_general_ci") \
    X(55, utf16, "utf16_bin") \
    X(56, utf16le, "utf16le_general_ci") \
    X(57, cp1256, "cp1256_general_ci") \
    X(58, cp1257, "cp1257_bin") \
    X(59, cp1257, "cp1257_general_ci") \
    X(60, utf32, "utf32_general_ci") \
    X(61, utf32, "utf32_bin") \
    X(62, utf16le, "utf16le_bin") \
    X(63, binary, "binary") \
    X(64, armscii8, "armscii8_bin") \
    X(65, ascii, "ascii_bin") \
    X(66, cp1250, "cp1250_bin") \
    X(67, cp1256, "cp1256_bin") \
    X(68, cp866, "cp866_bin") \
    X(69, dec8, "dec8_bin") \
    X(70, greek, "greek_bin") \
    X(71, hebrew, "hebrew_bin") \
    X(72, hp8, "hp8_bin") \
    X(73, keybcs2, "keybcs2_bin") \
    X(74, koi8r, "koi8r_bin") \
    X(75, koi8u, "koi8u_bin") \
    X(76, utf8mb3, "utf8mb3_tolower_ci") \
    X(77, latin2, "latin2_bin") \
    X(78, latin5, "latin5_bin") \
    X(79, latin7, "latin7_bin") \
    X(80, cp850, "cp850_bin") \
    X(81, cp852, "cp852_bin") \
    X(82, swe7, "swe7_bin") \
    X(83, utf8mb3, "utf8mb3_bin") \
    X(84, big5, "big5_bin") \
    X(85, euckr, "euckr_bin") \
    X(86, gb2312, "gb2312_bin") \
    X(87, gbk, "gbk_bin") \
    X(88, sjis, "sjis_bin") \
    X(89, tis620, "tis620_bin") \
    X(90, ucs2, "ucs2_bin") \
    X(91, ujis, "ujis_bin") \
    X(92, geostd8, "geostd8_general_ci") \
    X(93, geostd8, "geostd8_bin") \
    X(94, latin1, "latin1_spanish_ci") \
    X(95, cp932, "cp932_japanese_ci") \
    X(96, cp932, "cp932_bin") \
    X(97, eucjpms, "eucjpms_japanese_ci") \
    X(98, eucjpms, "eucjpms_bin") \
    X(99, cp1250, "cp1250_polish_ci") \
    X(101, utf16, "utf16_unicode_ci") \
    X(102, utf16, "utf16_icelandic_ci") \
    X(103, utf16, "utf16_latvian_ci") \
    X(104, utf16, "utf16_romanian_ci") \
    X(105, utf16, "utf16_slovenian_ci") \
    X(106, utf16, "utf16_polish_ci") \
    X(107, utf16, "utf16_estonian_ci") \
    X(108, utf16, "utf16_spanish_ci") \
    X(109, utf16, "utf16_swedish_ci") \
    X(110, utf16, "utf16_turkish_ci") \
    X(111, utf16, "utf16_czech_ci") \
    X(112, utf16, "utf16_danish_ci") \
    X(113, utf16, "utf16_lithuanian_ci") \
    X(114, utf16, "utf16_slovak_ci") \
    X(115, utf16, "utf16_spanish2_ci") \
    X(116, utf16, "utf16_roman_ci") \
    X(117, utf16, "utf16_persian_ci") \
    X(118, utf16, "utf16_esperanto_ci") \
    X(119, utf16, "utf16_hungarian_ci") \
    X(120, utf16, "utf16_sinhala_ci") \
    X(121, utf16, "utf16_german2_ci") \
    X(122, utf16, "utf16_croatian_ci") \
    X(123, utf16, "utf16_unicode_520_ci") \
    X(124, utf16, "utf16_vietnamese_ci") \
    X(128, ucs2, "ucs2_unicode_ci") \
    X(129, ucs2, "ucs2_icelandic_ci") \
    X(130, ucs2, "ucs2_latvian_ci") \
    X(131, ucs2, "ucs2_romanian_ci") \
    X(132, ucs2, "ucs2_slovenian_ci") \
    X(133, ucs2, "ucs2_polish_ci") \
    X(134, ucs2, "ucs2_estonian_ci") \
    X(135, ucs2, "ucs2_spanish_ci") \
    X(136, ucs2, "ucs2_swedish_ci") \
    X(137, ucs2, "ucs2_turkish_ci") \
    X(138, ucs2, "ucs2_czech_ci") \
    X(139, ucs2, "ucs2_danish_ci") \
    X(140, ucs2, "ucs2_lithuanian_ci") \
    X(141, ucs2, "ucs2_slovak_ci") \
    X(142, ucs2, "ucs2_spanish2_ci") \
    X(143, ucs2, "ucs2_roman_ci") \
    X(144, ucs2, "ucs2_persian_ci") \
    X(145, ucs2, "ucs2_esperanto_ci") \
    X(146, ucs2, "ucs2_hungarian_ci") \
    X(147, ucs2, "ucs2_sinhala_ci") \
    X(148, ucs2, "ucs2_german2_ci") \
    X(149, ucs2, "ucs2_croatian_ci") \
    X(150, ucs2, "ucs2_unicode_520_ci") \
    X(151, ucs2, "ucs2_vietnamese_ci") \
    X(159, ucs2, "ucs2_general_mysql500_ci") \
    X(160, utf32, "utf32_unicode_ci") \
    X(161, utf32, "utf32_icelandic_ci") \
    X(162, utf32, "utf32_latvian_ci") \
    X(163, utf32, "utf32_romanian_ci") \
    X(164, utf32, "utf32_slovenian_ci") \
    X(165, utf32, "utf32_polish_ci") \
    X(166, utf32, "utf32_estonian_ci") \
    X(167, utf32, "utf32_spanish_ci") \
    X(168, utf32, "utf32_swedish_ci") \
    X(169, utf32, "utf32_turkish_ci") \
    X(170, utf32, "utf32_czech_ci") \
    X(171, utf32, "utf32_danish_ci") \
    X(172, utf32, "utf32_lithuanian_ci") \
    X(173, utf32, "utf32_slovak_ci") \
    X(174, utf32, "utf32_spanish2_ci") \
    X(175, utf32, "utf32_roman_ci") \
    X(176, utf32, "utf32_persian_ci") \
    X(177, utf32, "utf32_esperanto_ci") \
    X(178, utf32, "utf32_hungarian_ci") \
    X(179, utf32, "utf32_sinhala_ci") \
    X(180, utf32, "utf32_german2_ci") \
    X(181, utf32, "utf32_croatian_ci") \
    X(182, utf32, "utf32_unicode_520_ci") \
    X(183, utf32, "utf32_vietnamese_ci") \
    X(192, utf8mb3, "utf8mb3_unicode_ci") \
    X(193, utf8mb3, "utf8mb3_icelandic_ci") \
    X(194, utf8mb3, "utf8mb3_latvian_ci") \
    X(195, utf8mb3, "utf8mb3_romanian_ci") \
    X(196, utf8mb3, "utf8mb3_slovenian_ci") \
    X(197, utf8mb3, "utf8mb3_polish_ci") \
    X(198, utf8mb3, "utf8mb3_estonian_ci") \
    X(199, utf8mb3, "utf8mb3_spanish_ci") \
    X(200, utf8mb3, "utf8mb3_swedish_ci") \
    X(201, utf8mb3, "utf8mb3_turkish_ci") \
    X(202, utf8mb3, "utf8mb3_czech_ci") \
    X(203, utf8mb3, "utf8mb3_danish_ci") \
    X(204, utf8mb3, "utf8mb3_lithuanian_ci") \
    X(205, utf8mb3, "utf8mb3_slovak_ci") \
    X(206, utf8mb3, "utf8mb3_spanish2_ci") \
    X(207, utf8mb3, "utf8mb3_roman_ci") \
    X(208, utf8mb3, "utf8mb3_persian_ci") \
    X(209, utf8mb3, "utf8mb3_esperanto_ci") \
    X(210, utf8mb3, "utf8mb3_hungarian_ci") \
    X(211, utf8mb3, "utf8mb3_sinhala_ci") \
    X(212, utf8mb3, "utf8mb3_german2_ci") \
    X(213, utf8mb3, "utf8mb3_croatian_ci") \
    X(214, utf8mb3, "utf8mb3_unicode_520_ci") \
    X(215, utf8mb3, "utf8mb3_vietnamese_ci") \
    X(223, utf8mb3, "utf8mb3_general_mysql500_ci") \
    X(224, utf8mb4, "utf8mb4_unicode_ci") \
    X(225, utf8mb4, "utf8mb4_icelandic_ci") \
    X(226, utf8mb4, "utf8mb4_latvian_ci") \
    X(227, utf8mb4, "utf8mb4_romanian_ci") \
    X(228, utf8mb4, "utf8mb4_slovenian_ci") \
    X(229, utf8mb4, "utf8mb4_polish_ci") \
    X(230, utf8mb4, "utf8mb4_estonian_ci") \
    X(231, utf8mb4, "utf8mb4_spanish_ci") \
    X(232, utf8mb4, "utf8mb4_swedish_ci") \
    X(233, utf8mb4, "utf8mb4_turkish_ci") \
    X(234, utf8mb4, "utf8mb4_czech_ci") \
    X(235, utf8mb4, "utf8mb4_danish_ci") \
    X(236, utf8mb4, "utf8mb4_lithuanian_ci") \
    X(237, utf8mb4, "utf8mb4_slovak_ci") \
    X(238, utf8mb4, "utf8mb4_spanish2_ci") \
    X(239, utf8mb4, "utf8mb4_roman_ci") \
    X(240, utf8mb4, "utf8mb4_persian_ci") \
    X(241, utf8mb4, "utf8mb4_esperanto_ci") \
    X(242, utf8mb4, "utf8mb4_hungarian_ci") \
    X(243, utf8mb4, "utf8mb4_sinhala_ci") \
    X(244, utf8mb4, "utf8mb4_german2_ci") \
    X(245, utf8mb4, "utf8mb4_croatian_ci") \
    X(246, utf8mb4, "utf8mb4_unicode_520_ci") \
    X(247, utf8mb4, "utf8mb4_vietnamese_ci") \
    X(248, gb18030, "gb18030_chinese_ci") \
    X(249, gb18030, "gb18030_bin") \
    X(250, gb18030, "gb18030_unicode_520_ci")

/* ... MySQL 8 and 9 ... */
#define COLLATIONS_0900(X) \
    X(255, utf8mb4, "utf8mb4_0900_ai_ci") \
    X(256, utf8mb4, "utf8mb4_de_pb_0900_ai_ci") \
    X(257, utf8mb4, "utf8mb4_is_0900_ai_ci") \
    X(258, utf8mb4, "utf8mb4_lv_0900_ai_ci") \
    X(259, utf8mb4, "utf8mb4_ro_0900_ai_ci") \
    X(260, utf8mb4, "utf8mb4_sl_0900_ai_ci") \
    X(261, utf8mb4, "utf8mb4_pl_0900_ai_ci") \
    X(262, utf8mb4, "utf8mb4_et_0900_ai_ci") \
    X(263, utf8mb4, "utf8mb4_es_0900_ai_ci") \
    X(264, utf8mb4, "utf8mb4_sv_0900_ai_ci") \
    X(265, utf8mb4, "utf8mb4_tr_0900_ai_ci") \
    X(266, utf8mb4, "utf8mb4_cs_0900_ai_ci") \
    X(267, utf8mb4, "utf8mb4_da_0900_ai_ci") \
    X(268, utf8mb4, "utf8mb4_lt_0900_ai_ci") \
    X(269, utf8mb4, "utf8mb4_sk_0900_ai_ci") \
    X(270, utf8mb4, "utf8mb4_es_trad_0900_ai_ci") \
    X(271, utf8mb4, "utf8mb4_la_0900_ai_ci") \
    X(273, utf8mb4, "utf8mb4_eo_0900_ai_ci") \
    X(274, utf8mb4, "utf8mb4_hu_0900_ai_ci") \
    X(275, utf8mb4, "utf8mb4_hr_0900_ai_ci") \
    X(277, utf8mb4, "utf8mb4_vi_0900_ai_ci") \
    X(278, utf8mb4, "utf8mb4_0900_as_cs") \
    X(279, utf8mb4, "utf8mb4_de_pb_0900_as_cs") \
    X(280, utf8mb4, "utf8mb4_is_0900_as_cs") \
    X(281, utf8mb4, "utf8mb4_lv_0900_as_cs") \
    X(282, utf8mb4, "utf8mb4_ro_0900_as_cs") \
    X(283, utf8mb4, "utf8mb4_sl_0900_as_cs") \
    X(284, utf8mb4, "utf8mb4_pl_0900_as_cs") \
    X(285, utf8mb4, "utf8mb4_et_0900_as_cs") \
    X(286, utf8mb4, "utf8mb4_es_0900_as_cs") \
    X(287, utf8mb4, "utf8mb4_sv_0900_as_cs") \
    X(288, utf8mb4, "utf8mb4_tr_0900_as_cs") \
    X(289, utf8mb4, "utf8mb4_cs_0900_as_cs") \
    X(290, utf8mb4, "utf8mb4_da_0900_as_cs") \
    X(291, utf8mb4, "utf8mb4_lt_0900_as_cs") \
    X(292, utf8mb4, "utf8mb4_sk_0900_as_cs") \
    X(293, utf8mb4, "utf8mb4_es_trad_0900_as_cs") \
    X(294, utf8mb4, "utf8mb4_la_0900_as_cs") \
    X(296, utf8mb4, "utf8mb4_eo_0900_as_cs") \
    X(297, utf8mb4, "utf8mb4_hu_0900_as_cs") \
    X(298, utf8mb4, "utf8mb4_hr_0900_as_cs") \
    X(300, utf8mb4, "utf8mb4_vi_0900_as_cs") \
    X(303, utf8mb4, "utf8mb4_ja_0900_as_cs") \
    X(304, utf8mb4, "utf8mb4_ja_0900_as_cs_ks") \
    X(305, utf8mb4, "utf8mb4_0900_as_ci") \
    X(306, utf8mb4, "utf8mb4_ru_0900_ai_ci") \
    X(307, utf8mb4, "utf8mb4_ru_0900_as_cs") \
    X(308, utf8mb4, "utf8mb4_zh_0900_as_cs") \
    X(309, utf8mb4, "utf8mb4_0900_bin") \
    X(310, utf8mb4, "utf8mb4_nb_0900_ai_ci") \
    X(311, utf8mb4, "utf8mb4_nb_0900_as_cs") \
    X(312, utf8mb4, "utf8mb4_nn_0900_ai_ci") \
    X(313, utf8mb4, "utf8mb4_nn_0900_as_cs") \
    X(314, utf8mb4, "utf8mb4_sr_latn_0900_ai_ci") \
    X(315, utf8mb4, "utf8mb4_sr_latn_0900_as_cs") \
    X(316, utf8mb4, "utf8mb4_bs_0900_ai_ci") \
    X(317, utf8mb4, "utf8mb4_bs_0900_as_cs") \
    X(318, utf8mb4, "utf8mb4_bg_0900_ai_ci") \
    X(319, utf8mb4, "utf8mb4_bg_0900_as_cs") \
    X(320, utf8mb4, "utf8mb4_gl_0900_ai_ci") \
    X(321, utf8mb4, "utf8mb4_gl_0900_as_cs") \
    X(322, utf8mb4, "utf8mb4_mn_cyrl_0900_ai_ci") \
    X(323, utf8mb4, "utf8mb4_mn_cyrl_0900_as_cs")

/* ... MariaDB. */
#define COLLATIONS_MARIADB(X) \
    X(576, utf8mb3, "utf8mb3_croatian_ci") \
    X(577, utf8mb3, "utf8mb3_myanmar_ci") \
    X(578, utf8mb3, "utf8mb3_thai_520_w2") \
    X(608, utf8mb4, "utf8mb4_croatian_ci") \
    X(609, utf8mb4, "utf8mb4_myanmar_ci") \
    X(610, utf8mb4, "utf8mb4_thai_520_w2") \
    X(640, ucs2, "ucs2_croatian_ci") \
    X(641, ucs2, "ucs2_myanmar_ci") \
    X(642, ucs2, "ucs2_thai_520_w2") \
    X(672, utf16, "utf16_croatian_ci") \
    X(673, utf16, "utf16_myanmar_ci") \
    X(674, utf16, "utf16_thai_520_w2") \
    X(736, utf32, "utf32_croatian_ci") \
    X(737, utf32, "utf32_myanmar_ci") \
    X(738, utf32, "utf32_thai_520_w2") \
    X(1025, big5, "big5_chinese_nopad_ci") \
    X(1027, dec8, "dec8_swedish_nopad_ci") \
    X(1028, cp850, "cp850_general_nopad_ci") \
    X(1030, hp8, "hp8_english_nopad_ci") \
    X(1031, koi8r, "koi8r_general_nopad_ci") \
    X(1032, latin1, "latin1_swedish_nopad_ci") \
    X(1033, latin2, "latin2_general_nopad_ci") \
    X(1034, swe7, "swe7_swedish_nopad_ci") \
    X(1035, ascii, "ascii_general_nopad_ci") \
    X(1036, ujis, "ujis_japanese_nopad_ci") \
    X(1037, sjis, "sjis_japanese_nopad_ci") \
    X(1040, hebrew, "hebrew_general_nopad_ci") \
    X(1042, tis620, "tis620_thai_nopad_ci") \
    X(1043, euckr, "euckr_korean_nopad_ci") \
    X(1046, koi8u, "koi8u_general_nopad_ci") \
    X(1048, gb2312, "gb2312_chinese_nopad_ci") \
    X(1049, greek, "greek_general_nopad_ci") \
    X(1050, cp1250, "cp1250_general_nopad_ci") \
    X(1052, gbk, "gbk_chinese_nopad_ci") \
    X(1054, latin5, "latin5_turkish_nopad_ci") \
    X(1056, armscii8, "armscii8_general_nopad_ci") \
    X(1057, utf8mb3, "utf8mb3_general_nopad_ci") \
    X(1059, ucs2, "ucs2_general_nopad_ci") \
    X(1060, cp866, "cp866_general_nopad_ci") \
    X(1061, keybcs2, "keybcs2_general_nopad_ci") \
    X(1062, macce, "macce_general_nopad_ci") \
    X(1063, macroman, "macroman_general_nopad_ci") \
    X(1064, cp852, "cp852_general_nopad_ci") \
    X(1065, latin7, "latin7_general_nopad_ci") \
    X(1067, macce, "macce_nopad_bin") \
    X(1069, utf8mb4, "utf8mb4_general_nopad_ci") \
    X(1070, utf8mb4, "utf8mb4_nopad_bin") \
    X(1071, latin1, "latin1_nopad_bin") \
    X(1074, cp1251, "cp1251_nopad_bin") \
    X(1075, cp1251, "cp1251_general_nopad_ci") \
    X(1077, macroman, "macroman_nopad_bin") \
    X(1078, utf16, "utf16_general_nopad_ci") \
    X(1079, utf16, "utf16_nopad_bin") \
    X(1080, utf16le, "utf16le_general_nopad_ci") \
    X(1081, cp1256, "cp1256_general_nopad_ci") \
    X(1082, cp1257, "cp1257_nopad_bin") \
    X(1083, cp1257, "cp1257_general_nopad_ci") \
    X(1084, utf32, "utf32_general_nopad_ci") \
    X(1085, utf32, "utf32_nopad_bin") \
    X(1086, utf16le, "utf16le_nopad_bin") \
    X(1088, armscii8, "armscii8_nopad_bin") \
    X(1089, ascii, "ascii_nopad_bin") \
    X(1090, cp1250, "cp1250_nopad_bin") \
    X(1091, cp1256, "cp1256_nopad_bin") \
    X(1092, cp866, "cp866_nopad_bin") \
    X(1093, dec8, "dec8_nopad_bin") \
    X(1094, greek, "greek_nopad_bin") \
    X(1095, hebrew, "hebrew_nopad_bin") \
    X(1096, hp8, "hp8_nopad_bin") \
    X(1097, keybcs2, "keybcs2_nopad_bin") \
    X(1098, koi8r, "koi8r_nopad_bin") \
    X(1099, koi8u, "koi8u_nopad_bin") \
    X(1101, latin2, "latin2_nopad_bin") \
    X(1102, latin5, "latin5_nopad_bin") \
    X(1103, latin7, "latin7_nopad_bin") \
    X(1104, cp850, "cp850_nopad_bin") \
    X(1105, cp852, "cp852_nopad_bin") \
    X(1106, swe7, "swe7_nopad_bin") \
    X(1107, utf8mb3, "utf8mb3_nopad_bin") \
    X(1108, big5, "big5_nopad_bin") \
    X(1109, euckr, "euckr_nopad_bin") \
    X(1110, gb2312, "gb2312_nopad_bin") \
    X(1111, gbk, "gbk_nopad_bin") \
    X(1112, sjis, "sjis_nopad_bin") \
    X(1113, tis620, "tis620_nopad_bin") \
    X(1114, ucs2, "ucs2_nopad_bin") \
    X(1115, ujis, "ujis_nopad_bin") \
    X(1116, geostd8, "geostd8_general_nopad_ci") \
    X(1117, geostd8, "geostd8_nopad_bin") \
    X(1119, cp932, "cp932_japanese_nopad_ci") \
    X(1120, cp932, "cp932_nopad_bin") \
    X(1121, eucjpms, "eucjpms_japanese_nopad_ci") \
    X(1122, eucjpms, "eucjpms_nopad_bin") \
    X(1125, utf16, "utf16_unicode_nopad_ci") \
    X(1147, utf16, "utf16_unicode_520_nopad_ci") \
    X(1152, ucs2, "ucs2_unicode_nopad_ci") \
    X(1174, ucs2, "ucs2_unicode_520_nopad_ci") \
    X(1184, utf32, "utf32_unicode_nopad_ci") \
    X(1206, utf32, "utf32_unicode_520_nopad_ci") \
    X(1216, utf8mb3, "utf8mb3_unicode_nopad_ci") \
    X(1238, utf8mb3, "utf8mb3_unicode_520_nopad_ci") \
    X(1248, utf8mb4, "utf8mb4_unicode_nopad_ci") \
    X(1270, utf8mb4, "utf8mb4_unicode_520_nopad_ci")

/* Character sets of UCA 14.0.0, their places, and the languages with theirs. */
#define UCA1400_CHARSETS(X) X(0, utf8mb3) X(1, utf8mb4) X(2, ucs2) X(3, utf16) X(4, utf32)

#define UCA1400_LANGUAGES(X, c, charset) \
    X(c, charset, 0, "") \
    X(c, charset, 1, "icelandic_") \
    X(c, charset, 2, "latvian_") \
    X(c, charset, 3, "romanian_") \
    X(c, charset, 4, "slovenian_") \
    X(c, charset, 5, "polish_") \
    X(c, charset, 6, "estonian_") \
    X(c, charset, 7, "spanish_") \
    X(c, charset, 8, "swedish_") \
    X(c, charset, 9, "turkish_") \
    X(c, charset, 10, "czech_") \
    X(c, charset, 11, "danish_") \
    X(c, charset, 12, "lithuanian_") \
    X(c, charset, 13, "slovak_") \
    X(c, charset, 14, "spanish2_") \
    X(c, charset, 15, "roman_") \
    X(c, charset, 16, "persian_") \
    X(c, charset, 17, "esperanto_") \
    X(c, charset, 18, "hungarian_") \
    X(c, charset, 19, "sinhala_") \
    X(c, charset, 20, "german2_") \
    X(c, charset, 23, "vietnamese_") \
    X(c, charset, 24, "croatian_")

#define UCA1400_FLAVOURS(X, c, charset, language, name) \
    X(2048 + 256 * (c) + 8 * (language) + 0, charset, #charset "_uca1400_" name "ai_ci") \
    X(2048 + 256 * (c) + 8 * (language) + 1, charset, #charset "_uca1400_" name "ai_cs") \
    X(2048 + 256 * (c) + 8 * (language) + 2, charset, #charset "_uca1400_" name "as_ci") \
    X(2048 + 256 * (c) + 8 * (language) + 3, charset, #charset "_uca1400_" name "as_cs") \
    X(2048 + 256 * (c) + 8 * (language) + 4, charset, #charset "_uca1400_" name "nopad_ai_ci") \
    X(2048 + 256 * (c) + 8 * (language) + 5, charset, #charset "_uca1400_" name "nopad_ai_cs") \
    X(2048 + 256 * (c) + 8 * (language) + 6, charset, #charset "_uca1400_" name "nopad_as_ci") \
    X(2048 + 256 * (c) + 8 * (language) + 7, charset, #charset "_uca1400_" name "nopad_as_cs")

#endif
